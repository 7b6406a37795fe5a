package backendtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// planted is the reference with a fault in it.
type planted struct {
	reference.Backend
	graph func(g *ir.Graph)              // changes what is compiled
	after func(in, out []backend.Buffer) // changes what comes out
	keep  bool                           // a failed run keeps what it appended
}

type plantedDevice struct {
	backend.Device
	p planted
}

type plantedExe struct {
	backend.Executable
	p planted
}

func (p planted) Open(w backend.Weights, o backend.Options) (backend.Device, error) {
	d, err := p.Backend.Open(w, o)
	return plantedDevice{d, p}, err
}

func (d plantedDevice) Compile(segment string, g *ir.Graph, n backend.Size) (backend.Executable, error) {
	if d.p.graph != nil {
		g = g.Clone()
		d.p.graph(g)
	}
	e, err := d.Device.Compile(segment, g, n)
	if err != nil {
		return nil, err
	}
	return plantedExe{e, d.p}, nil
}

func (e plantedExe) Run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	if e.p.keep {
		ctx = context.WithoutCancel(ctx)
	}
	if err := e.Executable.Run(ctx, batch, in, out); err != nil {
		return err
	}
	if e.p.after != nil {
		e.p.after(in, out)
	}
	return nil
}

// each applies f to every node of an op.
func each(op ir.OpName, f func(n *ir.Node)) func(*ir.Graph) {
	return func(g *ir.Graph) {
		for _, n := range g.Nodes {
			if n.Op == op {
				f(n)
			}
		}
	}
}

// nudge changes the last number of the first f32 output when when says so.
func nudge(when func(rows, cols int) bool) func(in, out []backend.Buffer) {
	return func(_, out []backend.Buffer) {
		for _, b := range out {
			x, err := b.Float32(context.Background())
			if x = slices.Clone(x); err != nil || !when(b.Rows(), b.Cols()) {
				continue
			}
			x[len(x)-1] = x[len(x)-1]*1.01 + 0.01
			if err := b.SetFloat32(x); err != nil {
				panic(err)
			}
			return
		}
	}
}

// TestPlanted: the suite finds faults, in both ways of judging.
func TestPlanted(t *testing.T) {
	always := func(int, int) bool { return true }
	for _, c := range []struct {
		what string
		op   ir.OpName
		p    planted
	}{
		{"another activation", ir.OpSilu, planted{graph: each(ir.OpSilu, func(n *ir.Node) { n.Op = ir.OpGeluTanh })}},
		{"another gated activation", ir.OpGatedAct, planted{graph: each(ir.OpGatedAct, func(n *ir.Node) { n.Set(ir.StringAttr("act", "gelu_tanh")) })}},
		{"a window one too short", ir.OpAttention, planted{graph: each(ir.OpAttention, func(n *ir.Node) {
			if w := n.Int("window"); w > 1 {
				n.Set(ir.IntAttr("window", w-1))
			}
		})}},
		{"another scale", ir.OpAttention, planted{graph: each(ir.OpAttention, func(n *ir.Node) { n.Set(ir.FloatAttr("scale", n.Float("scale")*1.001)) })}},
		{"K for V", ir.OpAttention, planted{graph: each(ir.OpAttention, func(n *ir.Node) {
			if len(n.In) > 2 {
				n.In[2] = n.In[1]
			}
		})}},
		{"another scale for who reads only", ir.OpAttention, planted{graph: each(ir.OpAttention, func(n *ir.Node) {
			if !n.Appends() {
				n.Set(ir.FloatAttr("scale", n.Float("scale")*1.001))
			}
		})}},
		{"fewer channels rotated", ir.OpRope, planted{graph: each(ir.OpRope, func(n *ir.Node) { n.Set(ir.FloatAttr("mscale", 1.5)) })}},
		{"another epsilon", ir.OpRMSNorm, planted{graph: each(ir.OpRMSNorm, func(n *ir.Node) { n.Set(ir.FloatAttr("eps", 1e-2)) })}},
		{"one row in five", ir.OpMatmul, planted{after: nudge(func(rows, _ int) bool { return rows == 5 })}},
		{"an odd number of channels", ir.OpAdd, planted{after: nudge(func(_, cols int) bool { return cols%16 == 11 })}},
		{"quantised norms", ir.QuantisedForm(ir.OpRMSNorm), planted{after: nudge(always)}},
		{"the log-sum-exp", ir.OpTopK, planted{after: func(_, out []backend.Buffer) { nudge(always)(nil, out[2:]) }}},
	} {
		for _, exact := range []bool{false, true} {
			budget := Budget{Target: target.CPU, Codecs: []string{"f32"}, Rel: 1e-6}
			if exact {
				budget.Exact = []Variant{{Name: "reference", Backend: reference.Backend{}}, {Name: "planted", Backend: c.p}}
			}
			s, err := newSuite(c.p, budget)
			if err != nil {
				t.Fatal(err)
			}
			cases, err := casesOf(ir.Lookup(c.op), budget, false)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, k := range cases {
				if k.Rows < 100 && s.check(k) != nil {
					found = true
					break
				}
			}
			if !found {
				t.Errorf("%s (exact: %v): not found", c.what, exact)
			}
			s.close()
		}
	}
}

// TestPlantedProtocol: a backend that does not obey contexts is found, as is
// one that takes any buffer.
func TestPlantedProtocol(t *testing.T) {
	s, err := newSuite(planted{keep: true}, Budget{Target: target.CPU})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := checkCancelled(s, 0); err == nil || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("a backend that ignores contexts: %v", err)
	}
}

// TestPlantedWindow: a backend that sees less than the window where it may give
// up what is behind it is found.
func TestPlantedWindow(t *testing.T) {
	short := func(g *ir.Graph) {
		for _, n := range g.Nodes {
			if n.Op == ir.OpAttention && g.State(n.States[0]).Window > 0 {
				n.Set(ir.IntAttr("window", n.Int("window")-1))
			}
		}
	}
	for _, p := range []planted{{}, {graph: short}} {
		s, err := newSuite(p, Budget{Target: target.CPU})
		if err != nil {
			t.Fatal(err)
		}
		err = s.window(0, 8, 64, plain)
		if found := err != nil && strings.Contains(err.Error(), "giving up"); found != (p.graph != nil) {
			t.Errorf("a window one too short (%v): %v", p.graph != nil, err)
		}
		s.close()
	}
}

// TestCodecPairs: every codec of K meets every codec of V in a quick case.
func TestCodecPairs(t *testing.T) {
	budget := Budget{Target: target.CPU}
	for _, k := range codec.All() {
		for _, v := range codec.All() {
			budget.Codecs = append(budget.Codecs, codec.Pair{K: k, V: v}.String())
		}
	}
	cases, err := casesOf(ir.Lookup(ir.OpAttention), budget, false)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, c := range cases {
		for _, kv := range c.KV {
			seen[kv]++
		}
	}
	for _, kv := range budget.Codecs {
		if seen[kv] == 0 {
			t.Errorf("no quick case of attention keeps %s", kv)
		}
	}
}

// TestNoCases: an op that nobody wrote cases for is an error, one that maps
// rows has them by its shape.
func TestNoCases(t *testing.T) {
	budget := Budget{Target: target.CPU}
	if _, err := casesOf(&ir.Op{Name: "frobnicate", In: 1, Weights: 1}, budget, false); err == nil || !strings.Contains(err.Error(), "frobnicate") {
		t.Errorf("an op without cases: %v", err)
	}
	for op := range makers {
		if ir.Lookup(op) == nil {
			t.Errorf("there are cases for %s, which is no op", op)
		}
	}
}

// TestCoverage: over the cases of an op, quick ones, starts and lengths of
// calls have every residue mod 16, there are calls of one row, and channels of
// outputs have every residue mod 16 where they can.
func TestCoverage(t *testing.T) {
	budget := Budget{Target: target.CPU, Codecs: []string{"f32"}}
	for _, op := range ir.Ops() {
		cases, err := casesOf(op, budget, false)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range cases {
			for _, sp := range c.Spans {
				seen[fmt.Sprint("start ", sp.Start%16)] = true
				seen[fmt.Sprint("length ", sp.Len%16)] = true
				if sp.Len == 1 {
					seen["one row"] = true
				}
			}
			for _, n := range c.Graph.Nodes {
				if n.Op != op.Name {
					continue
				}
				last := c.Graph.Value(n.Out[len(n.Out)-1])
				for _, v := range n.Out {
					seen[fmt.Sprint("channels ", c.Graph.Value(v).Channels()%16)] = true
				}
				seen["layout "+last.Layout.String()] = true
				for h := int64(0); n.Int("head_dim") > 0 && h < last.Channels()/n.Int("head_dim"); h++ {
					seen[fmt.Sprint("offset ", h*n.Int("head_dim")%16)] = true
				}
				if dim := n.Int("dim"); dim > 0 {
					for at := int64(0); at < last.Channels(); at += dim {
						seen[fmt.Sprint("offset ", at%16)] = true
					}
				}
			}
		}
		for r := range 16 {
			whole := op.Quantises != "" || op.Name == ir.OpQuantizeAct
			want := []string{fmt.Sprint("start ", r), fmt.Sprint("length ", r)}
			if !whole && op.Name != ir.OpTopK {
				want = append(want, fmt.Sprint("channels ", r))
			}
			if slices.ContainsFunc(op.Attrs, func(a ir.AttrSpec) bool { return a.Key == "dim" || a.Key == "head_dim" }) && (!whole || r%2 == 0) {
				want = append(want, fmt.Sprint("offset ", r))
			}
			for _, w := range want {
				if !seen[w] {
					t.Errorf("%s: no case has %s", op.Name, w)
				}
			}
		}
		for i := range 2 {
			if target.CPU.CanWriteC4(op.Name, i) && !seen["layout c4"] {
				t.Errorf("%s: no case writes c4", op.Name)
			}
		}
		if !seen["one row"] {
			t.Errorf("%s: no case has one row", op.Name)
		}
	}
}
