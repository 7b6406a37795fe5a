package model

import (
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// source is an expression over the tensors of a checkpoint: where a weight of
// the model comes from in one container. Names hold {N} for the layer and {E}
// for the expert.
type source interface {
	// expr is the weight of shape want. The error names what is missing or wrong.
	expr(at *place, want tensor.Shape) (*ir.Expr, error)
	// here reports whether the checkpoint holds what the expression begins with.
	here(at *place) bool
}

// place is where a source is looked up: a layer of a checkpoint.
type place struct {
	r *resolver
	n int64  // the layer
	l *Layer // nil outside of the layers
}

const (
	layerMark  = "{N}"
	expertMark = "{E}"
)

func (at *place) name(s string) string { return strings.Replace(s, layerMark, fmt.Sprint(at.n), 1) }

// one is the tensor of that name, as it is.
type one string

func (s one) expr(at *place, want tensor.Shape) (*ir.Expr, error) {
	return at.r.tensor(at.name(string(s)), want)
}
func (s one) here(at *place) bool { return at.r.has(at.name(string(s))) }

// either is the first of several expressions whose tensors are there: aliases,
// or a tensor that may be part of a fused one.
type either []source

func (s either) expr(at *place, want tensor.Shape) (*ir.Expr, error) {
	for _, e := range s {
		if e.here(at) {
			return e.expr(at, want)
		}
	}
	return s[0].expr(at, want) // says what is missing
}

func (s either) here(at *place) bool {
	for _, e := range s {
		if e.here(at) {
			return true
		}
	}
	return false
}

// part is the i-th run of rows of a fused tensor; rows gives the length of each
// run.
type part struct {
	of   source
	rows func(l *Layer) []int64
	i    int
}

func (s part) expr(at *place, want tensor.Shape) (*ir.Expr, error) {
	whole := append(tensor.Shape{}, want...)
	var lo, n int64
	for i, r := range s.rows(at.l) {
		if i < s.i {
			lo += r
		}
		n += r
	}
	whole[0] = n
	x, err := s.of.expr(at, whole)
	if err != nil {
		return nil, err
	}
	at.r.tookPart(x, s.rows(at.l), s.i)
	return ir.Slice(x, lo, lo+want[0])
}
func (s part) here(at *place) bool { return s.of.here(at) }

// unrotated puts rows that a GGUF holds in the order of the interleaved
// rotation back into that of the half rotation.
type unrotated struct {
	of    source
	heads func(l *Layer) int64
}

func (s unrotated) expr(at *place, want tensor.Shape) (*ir.Expr, error) {
	x, err := s.of.expr(at, want)
	if err != nil {
		return nil, err
	}
	return ir.Unrotate(x, s.heads(at.l))
}
func (s unrotated) here(at *place) bool { return s.of.here(at) }

// stacked is the matrices of all experts one below the other, each a member.
// With {E} in its name every expert has a tensor of its own, else they are one
// tensor [E, N, K].
type stacked struct {
	name    string
	experts func(l *Layer) int64
}

func (s stacked) expr(at *place, want tensor.Shape) (*ir.Expr, error) {
	e := s.experts(at.l)
	if len(want) != 2 || e < 1 || e > ir.MaxMembers || want[0]%e != 0 {
		return nil, fmt.Errorf("tensor %q: %d experts in %v", at.name(s.name), e, want)
	}
	n := want[0] / e
	if !strings.Contains(s.name, expertMark) {
		x, err := at.r.tensor(at.name(s.name), tensor.Shape{e, n, want[1]})
		if err != nil {
			return nil, err
		}
		return ir.Flatten(x)
	}
	all := make([]*ir.Expr, e)
	for i := range all {
		var err error
		if all[i], err = at.r.tensor(s.expert(at, int64(i)), tensor.Shape{n, want[1]}); err != nil {
			return nil, err
		}
	}
	return ir.Concat(all...)
}

func (s stacked) expert(at *place, e int64) string {
	return strings.Replace(at.name(s.name), expertMark, fmt.Sprint(e), 1)
}
func (s stacked) here(at *place) bool { return at.r.has(s.expert(at, 0)) }

// plusOne is 1 + a norm weight that the checkpoint keeps as the distance from
// one.
type plusOne struct{ of source }

func (s plusOne) expr(at *place, want tensor.Shape) (*ir.Expr, error) {
	x, err := s.of.expr(at, want)
	if err != nil {
		return nil, err
	}
	return ir.PlusOne(x)
}
func (s plusOne) here(at *place) bool { return s.of.here(at) }

// transposed is a matrix that the checkpoint keeps as [K, N].
type transposed struct{ of source }

func (s transposed) expr(at *place, want tensor.Shape) (*ir.Expr, error) {
	if len(want) != 2 {
		return nil, fmt.Errorf("transposed weight of shape %v", want)
	}
	x, err := s.of.expr(at, tensor.Shape{want[1], want[0]})
	if err != nil {
		return nil, err
	}
	return ir.Transpose(x)
}
func (s transposed) here(at *place) bool { return s.of.here(at) }
