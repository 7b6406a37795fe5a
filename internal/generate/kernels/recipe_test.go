package main

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// Every row of pack's table has templates; what none has is named.
func TestUnknown(t *testing.T) {
	if len(quantised()) < 8 {
		t.Errorf("%d recipes", len(quantised()))
	}
	half := pack.Recipe{LowBits: 4, Zero: 8, Scale: pack.ScaleHalf, Group: 32}
	for _, c := range []struct {
		change func(r *pack.Recipe)
		want   string
	}{
		{func(r *pack.Recipe) {}, ""},
		{func(r *pack.Recipe) { r.LUT, r.Zero = new(pack.LUT), 3 }, ""},
		{func(r *pack.Recipe) { r.Zero, r.Plane = 0, pack.PlaneBSum }, ""},
		{func(r *pack.Recipe) { r.LowBits = 2 }, "2 low and 0 upper bits"},
		{func(r *pack.Recipe) { r.HighBits = 3 }, "4 low and 3 upper bits"},
		{func(r *pack.Recipe) { r.LUT, r.HighBits = new(pack.LUT), 1 }, "4 low and 1 upper bits"},
		{func(r *pack.Recipe) { r.Zero = 7 }, "a zero point of 7"},
		{func(r *pack.Recipe) { r.Plane = pack.PlaneBSum }, "a zero point of 8"},
		{func(r *pack.Recipe) { r.Group = 16 }, "over 16 channels"},
		{func(r *pack.Recipe) { r.Plane = pack.PlaneInit16 }, "with plane 1"},
		{func(r *pack.Recipe) { r.Scale = pack.ScaleU6 }, "scales of kind 2"},
	} {
		r := half
		c.change(&r)
		got := recipe{Format: &pack.Format{Recipe: r}}.unknown()
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", r, got, c.want)
		}
	}
}

// A scheme that no template knows is refused by its name.
func TestScheme(t *testing.T) {
	for _, s := range []scheme{{"exact", false, 1}, {"two", true, 2}} {
		func() {
			defer func() {
				if what, _ := recover().(string); !strings.Contains(what, s.name) {
					t.Errorf("%s: %q", s.name, what)
				}
			}()
			gemv512File(1, s)
		}()
	}
}

func TestZip(t *testing.T) {
	got := zip("ADD %[1]s, %[2]s; MUL %[3]d, %[2]s", z(0, 2), y(4, 2), seq{8, 4})
	if want := "ADD Z0, Y4; MUL 8, Y4; ADD Z1, Y5; MUL 12, Y5"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	a := &asm{}
	a.p("X; Y %d\n  Z", 3)
	if got, want := a.b.String(), "\tX; Y 3; Z\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("an argument that the format lacks was accepted")
		}
	}()
	a.zip("X", z(0, 1))
}
