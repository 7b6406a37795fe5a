package verify

import "testing"

func TestJudge(t *testing.T) {
	same, near, far := Difference{}, Difference{Bits: 3, NMSE: 1e-9}, Difference{Bits: 3, NMSE: 1e-3}
	for _, c := range []struct {
		j    Judge
		d    Difference
		want bool
	}{
		{Bits, same, true}, {Bits, near, false}, {Bits, far, false},
		{Judge{NMSE: 1e-6}, same, true}, {Judge{NMSE: 1e-6}, near, true}, {Judge{NMSE: 1e-6}, far, false},
	} {
		if got := c.j.same(c.d); got != c.want {
			t.Errorf("%s, %d bits and NMSE %g: %v", c.j, c.d.Bits, c.d.NMSE, got)
		}
	}
	if _, err := Passes(t.Context(), nil, nil, Options{}); err == nil {
		t.Error("no engine: no error")
	}
}
