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
