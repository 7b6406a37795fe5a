package tensor

import (
	"math"
	"testing"
)

func TestTypeTable(t *testing.T) {
	seen := map[string]bool{}
	for _, ty := range Types() {
		if ty.String() == "" || ty.BlockElems() <= 0 || ty.BlockBytes() <= 0 {
			t.Errorf("type %d has an incomplete row", ty)
		}
		if seen[ty.String()] {
			t.Errorf("name %q twice", ty)
		}
		seen[ty.String()] = true
		got, err := ParseType(ty.String())
		if err != nil || got != ty {
			t.Errorf("ParseType(%q) = %v, %v", ty, got, err)
		}
	}
	if _, err := ParseType("q9_z"); err == nil {
		t.Error("unknown type parsed")
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		t    Type
		s    Shape
		want int64 // -1: error
	}{
		{F32, Shape{}, 4},
		{F32, Shape{0, 7}, 0},
		{BF16, Shape{3, 5}, 30},
		{Q8_0, Shape{2, 64}, 136},
		{Q4_K, Shape{2, 256}, 288},
		{Q4_K, Shape{2, 128}, -1},
		{F4, Shape{3, 2}, 3},
		{F4, Shape{2, 3}, 3},
		{F4, Shape{3, 3}, -1},
		{F32, Shape{math.MaxInt64, 2}, -1},
		{F32, Shape{-1}, -1},
		{Invalid, Shape{1}, -1},
		{F32, Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}, -1},
	} {
		got, err := Bytes(c.t, c.s)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("Bytes(%v, %v) = %d, %v; want %d", c.t, c.s, got, err, c.want)
		}
	}
}
