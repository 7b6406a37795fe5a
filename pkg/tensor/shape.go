package tensor

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// MaxRank bounds the number of dimensions of a Shape read from a file.
const MaxRank = 8

// Shape lists dimensions, outermost first. The empty shape is a scalar.
type Shape []int64

// String prints "[N, K]" as "[4096, 1024]".
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(d, 10))
	}
	b.WriteByte(']')
	return b.String()
}

// Equal reports whether both shapes have the same dimensions.
func (s Shape) Equal(o Shape) bool {
	if len(s) != len(o) {
		return false
	}
	for i := range s {
		if s[i] != o[i] {
			return false
		}
	}
	return true
}

// Elements is the product of all dimensions. Negative dimensions, more than
// MaxRank of them and products beyond int64 are errors.
func (s Shape) Elements() (int64, error) {
	if len(s) > MaxRank {
		return 0, fmt.Errorf("shape has %d dimensions, at most %d are supported", len(s), MaxRank)
	}
	n := int64(1)
	for _, d := range s {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", s)
		}
		var ok bool
		if n, ok = mul(n, d); !ok {
			return 0, fmt.Errorf("shape %v: number of elements overflows", s)
		}
	}
	return n, nil
}

// Last is the fastest dimension, K of a [N, K] weight; 1 for a scalar.
func (s Shape) Last() int64 {
	if len(s) == 0 {
		return 1
	}
	return s[len(s)-1]
}

// Rows is the product of all dimensions but the last.
func (s Shape) Rows() (int64, error) {
	if len(s) == 0 {
		return 1, nil
	}
	return s[:len(s)-1].Elements()
}

// Bytes is the size in bytes of a tensor of type t and shape s, every
// multiplication checked.
func Bytes(t Type, s Shape) (int64, error) {
	if _, err := s.Elements(); err != nil {
		return 0, err
	}
	row, err := t.RowBytes(s.Last())
	if err != nil && t.Valid() && !t.Quantised() && types[t].elems > 1 {
		return subByteBytes(t, s) // F4 and F6 are packed across rows
	}
	if err != nil {
		return 0, err
	}
	rows, err := s.Rows()
	if err != nil {
		return 0, err
	}
	n, ok := mul(rows, row)
	if !ok {
		return 0, fmt.Errorf("%s tensor of shape %v: size overflows", t, s)
	}
	return n, nil
}

func subByteBytes(t Type, s Shape) (int64, error) {
	n, err := s.Elements()
	if err != nil {
		return 0, err
	}
	return t.RowBytes(n)
}

// mul multiplies non-negative numbers and reports whether the product fits.
func mul(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	return int64(lo), true
}
