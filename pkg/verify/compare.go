package verify

import (
	"encoding/json"
	"math"
	"slices"
)

// Difference compares one value in two runs.
type Difference struct {
	Name     string  `json:"name"`
	Elements int     `json:"elements"`
	Bits     int     `json:"differing"`    // elements whose bits differ
	MaxAbs   float64 `json:"max_abs_diff"` // NaN when only one side is NaN somewhere
	NMSE     float64 `json:"nmse"`         // Σ(a-b)² / Σa²
}

// MarshalJSON writes what is not a finite number as null.
func (d Difference) MarshalJSON() ([]byte, error) {
	finite := func(f float64) *float64 {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
		return &f
	}
	return json.Marshal(struct {
		Name     string   `json:"name"`
		Elements int      `json:"elements"`
		Bits     int      `json:"differing"`
		MaxAbs   *float64 `json:"max_abs_diff"`
		NMSE     *float64 `json:"nmse"`
	}{d.Name, d.Elements, d.Bits, finite(d.MaxAbs), finite(d.NMSE)})
}

// compare returns how b differs from a.
func compare(name string, a, b []float32) Difference {
	d := Difference{Name: name, Elements: len(a)}
	var num, den float64
	for i, x := range a {
		y := b[i]
		if math.Float32bits(x) == math.Float32bits(y) {
			den += float64(x) * float64(x)
			continue
		}
		d.Bits++
		e := math.Abs(float64(x) - float64(y))
		if math.IsNaN(e) || e > d.MaxAbs {
			d.MaxAbs = e
		}
		num += e * e
		den += float64(x) * float64(x)
	}
	switch {
	case num == 0:
	case den == 0:
		d.NMSE = math.Inf(1)
	default:
		d.NMSE = num / den
	}
	return d
}

// trace holds the values of a run by name, all calls joined.
type trace struct {
	order []string
	vals  map[string]*traced
}

type traced struct {
	cols int
	data []float32
}

func newTrace() *trace { return &trace{vals: map[string]*traced{}} }

func (t *trace) add(name string, cols int, data []float32) {
	v := t.vals[name]
	if v == nil {
		v = &traced{cols: cols}
		t.vals[name] = v
		t.order = append(t.order, name)
	}
	v.data = append(v.data, data...)
}

// differences compares every value that both traces hold, in the order in which
// b made them. reshaped names the first value that has another shape in b, ""
// if none: a pass that changes a value's shape gives it another name.
func differences(a, b *trace) (all []Difference, reshaped string) {
	for _, name := range b.order {
		x, y := a.vals[name], b.vals[name]
		switch {
		case x == nil:
		case x.cols == y.cols && len(x.data) == len(y.data):
			all = append(all, compare(name, x.data, y.data))
		case reshaped == "":
			reshaped = name
		}
	}
	return all, reshaped
}

// worst returns the difference with most differing bits, then largest.
func worst(all []Difference) *Difference {
	if len(all) == 0 {
		return nil
	}
	w := slices.MaxFunc(all, func(x, y Difference) int {
		if (x.Bits > 0) != (y.Bits > 0) {
			return cmpBool(x.Bits > 0, y.Bits > 0)
		}
		switch {
		case math.IsNaN(x.MaxAbs) != math.IsNaN(y.MaxAbs):
			return cmpBool(math.IsNaN(x.MaxAbs), math.IsNaN(y.MaxAbs))
		case x.MaxAbs > y.MaxAbs:
			return 1
		case x.MaxAbs < y.MaxAbs:
			return -1
		}
		return 0
	})
	return &w
}

func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
