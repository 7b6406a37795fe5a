package ir

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// weight reads a weight statement: the stated type must be what the expression
// yields.
func (s *scanner) weight(g *Graph) error {
	if err := s.expect('@'); err != nil {
		return err
	}
	name, err := s.word()
	if err != nil {
		return err
	}
	stated := s.at
	if _, _, err := s.tensorType(); err != nil {
		return err
	}
	if s.peek() != '=' {
		if _, err := s.word(); err != nil {
			return err
		}
	}
	want := strings.TrimSpace(s.text[stated:s.at])
	if err := s.expect('='); err != nil {
		return err
	}
	e, err := s.expr(0)
	if err != nil {
		return err
	}
	if got := weightType(e); got != want {
		return fmt.Errorf("weight %s is stated as %s, its expression yields %s", name, want, got)
	}
	_, err = g.AddWeight(name, e)
	return err
}

// tensorType reads "q4_k[128,64]".
func (s *scanner) tensorType() (tensor.Type, tensor.Shape, error) {
	w, err := s.word()
	if err != nil {
		return 0, nil, err
	}
	t, err := tensor.ParseType(w)
	if err != nil {
		return 0, nil, err
	}
	l, err := s.ints()
	if err != nil {
		return 0, nil, err
	}
	for _, d := range l {
		if d < 0 {
			return 0, nil, fmt.Errorf("negative dimension in %v", l)
		}
	}
	if len(l) > tensor.MaxRank {
		return 0, nil, fmt.Errorf("%d dimensions", len(l))
	}
	return t, tensor.Shape(l), nil
}

// maxExprDepth bounds the nesting of weight expressions.
const maxExprDepth = 32

func (s *scanner) expr(depth int) (*Expr, error) {
	if depth > maxExprDepth {
		return nil, fmt.Errorf("expression nested deeper than %d", maxExprDepth)
	}
	kind, err := s.word()
	if err != nil {
		return nil, err
	}
	if err := s.expect('('); err != nil {
		return nil, err
	}
	e, err := s.exprBody(kind, depth)
	if err != nil {
		return nil, err
	}
	return e, s.expect(')')
}

func (s *scanner) exprBody(kind string, depth int) (*Expr, error) {
	switch kind {
	case "tensor", "stored":
		return s.leaf(kind)
	case "const":
		return s.constant()
	case "concat":
		var args []*Expr
		for {
			a, err := s.expr(depth + 1)
			if err != nil {
				return nil, err
			}
			args = append(args, a)
			if !s.accept(',') {
				return Concat(args...)
			}
		}
	}
	x, err := s.expr(depth + 1)
	if err != nil {
		return nil, err
	}
	switch kind { // those of one argument
	case "transpose":
		return Transpose(x)
	case "flatten":
		return Flatten(x)
	case "plus_one":
		return PlusOne(x)
	}
	if err := s.expect(','); err != nil {
		return nil, err
	}
	switch kind {
	case "slice":
		lo, err := s.int()
		if err != nil {
			return nil, err
		}
		if err := s.expect(','); err != nil {
			return nil, err
		}
		hi, err := s.int()
		if err != nil {
			return nil, err
		}
		return Slice(x, lo, hi)
	case "unrotate":
		h, err := s.int()
		if err != nil {
			return nil, err
		}
		return Unrotate(x, h)
	}
	w, err := s.word()
	if err != nil {
		return nil, err
	}
	if kind == "pack" {
		f, err := tensor.ParseForm(w)
		if err != nil {
			return nil, err
		}
		return PackAs(x, f)
	}
	t, err := tensor.ParseType(w)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "cast":
		return Cast(x, t)
	case "quantize":
		return Quantize(x, t)
	}
	return nil, fmt.Errorf("unknown expression %q", kind)
}

func (s *scanner) leaf(kind string) (*Expr, error) {
	name, err := s.word()
	if err != nil {
		return nil, err
	}
	if err := s.expect(','); err != nil {
		return nil, err
	}
	t, shape, err := s.tensorType()
	if err != nil {
		return nil, err
	}
	if kind == "tensor" {
		return TensorExpr(name, t, shape), nil
	}
	if err := s.expect(','); err != nil {
		return nil, err
	}
	w, err := s.word()
	if err != nil {
		return nil, err
	}
	f, err := tensor.ParseForm(w)
	if err != nil {
		return nil, err
	}
	if err := s.expect(','); err != nil {
		return nil, err
	}
	rows, err := s.ints()
	if err != nil {
		return nil, err
	}
	return StoredExpr(name, t, shape, f, rows), nil
}

func (s *scanner) constant() (*Expr, error) {
	var data []float32
	for s.peek() != ')' {
		if len(data) > 0 {
			if err := s.expect(','); err != nil {
				return nil, err
			}
		}
		w, err := s.word()
		if err != nil {
			return nil, err
		}
		u, err := strconv.ParseUint(w, 16, 32)
		if err != nil {
			return nil, err
		}
		data = append(data, math.Float32frombits(uint32(u)))
	}
	return ConstExpr(data), nil
}
