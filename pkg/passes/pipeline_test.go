package passes

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
)

// Every need is met by an earlier gift, every property has a check, and one
// pass only changes numbers.
func TestTable(t *testing.T) {
	var have Prop
	names := map[string]bool{}
	var inexact []string
	for _, p := range Table() {
		if p.Name == "" || p.Doc == "" || p.Run == nil || names[p.Name] {
			t.Errorf("pass %q has an incomplete row or stands twice", p.Name)
		}
		names[p.Name] = true
		if missing := p.Needs &^ have; missing != 0 {
			t.Errorf("pass %s needs %b, which no earlier pass gives", p.Name, missing)
		}
		have |= p.Gives
		if !p.Exact {
			inexact = append(inexact, p.Name)
		}
		if got, err := PassNamed(p.Name); err != nil || got.Name != p.Name {
			t.Errorf("PassNamed(%s): %v", p.Name, err)
		}
	}
	if !slices.Equal(inexact, []string{"quantize-activations"}) {
		t.Errorf("passes that change numbers: %v", inexact)
	}
	for _, p := range properties {
		if have&p.Prop == 0 {
			t.Errorf("no pass gives %q", p.Name)
		}
		have &^= p.Prop
	}
	if have != 0 {
		t.Errorf("properties %b have no check", have)
	}
	if _, err := PassNamed("fuse-everything"); err == nil || !strings.Contains(err.Error(), "pack-weights") {
		t.Errorf("an unknown pass is not answered with the list: %v", err)
	}
}

// The reasons for the order, as pairs: first stands before second.
func TestOrder(t *testing.T) {
	at := map[string]int{}
	for i, p := range Table() {
		at[p.Name] = i
	}
	for _, c := range []struct{ first, second, why string }{
		{"choose-cuts", "last-token", "it stops at walls"},
		{"choose-cuts", "fuse-residual-norm", "a wall must not be crossed"},
		{"last-token", "group-projections", "it moves across matmul, not matmul_group"},
		{"last-token", "fuse-residual-norm", "it moves across rms_norm, not add_rms_norm"},
		{"share-embedding", "group-projections", "a shared weight is not concatenated"},
		{"share-embedding", "pack-weights", "packing would make two forms of one tensor"},
		{"quantize-activations", "group-projections", "a group has one input, quantised once"},
		{"quantize-activations", "assign-layout", "the quantised value is what is relaid"},
		{"group-projections", "assign-layout", "a group is one layout decision"},
		{"fuse-residual-norm", "propagate-layout", "the fused norm writes c4"},
		{"quantize-activations", "fuse-quantize", "it fuses what stands"},
		{"fuse-residual-norm", "fuse-quantize", "the fused norm writes int8"},
		{"fuse-gated-activation", "fuse-quantize", "the fused activation writes int8"},
		{"fuse-quantize", "assign-layout", "what is relaid is what the producer writes"},
		{"fuse-gated-activation", "propagate-layout", "the fused activation writes c4"},
		{"assign-layout", "propagate-layout", "it moves what stands"},
		{"group-projections", "pack-weights", "concatenation joins rows, not panels"},
	} {
		a, ok1 := at[c.first]
		b, ok2 := at[c.second]
		if !ok1 || !ok2 || a >= b {
			t.Errorf("%s must stand before %s: %s", c.first, c.second, c.why)
		}
	}
}

// plainGraphs are the plain graphs of pkg/model's test cases, all families:
// MHA and GQA, biases, qk-norm, ties, windows. Beside each stands the same
// graph with q8_0 matrices, and with v, up and the lm_head in another type.
func plainGraphs(t *testing.T) map[string]*ir.Graph {
	t.Helper()
	files, err := filepath.Glob("../model/testdata/*.ir")
	if err != nil || len(files) < 5 {
		t.Fatalf("plain graphs: %d, %v", len(files), err)
	}
	matrix := regexp.MustCompile(`(?m)^weight @(\S+) b?f\d+(\[\d+,\d+\]) = .*\)$`)
	graphs := map[string]*ir.Graph{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".ir")
		retype := func(typ func(weight string) string) string {
			return matrix.ReplaceAllStringFunc(string(data), func(line string) string {
				m := matrix.FindStringSubmatch(line)
				source := m[1]
				if source == "output.weight" && strings.Contains(string(data), "weight @output.weight") && tied(string(data)) {
					source = "token_embd.weight"
				}
				return fmt.Sprintf("weight @%s %s%s = tensor(%s, %s%s)", m[1], typ(m[1]), m[2], source, typ(m[1]), m[2])
			})
		}
		mixed := func(w string) string {
			if strings.Contains(w, "attn_v") || strings.Contains(w, "ffn_up") {
				return "q4_0"
			}
			return "q8_0"
		}
		for suffix, text := range map[string]string{
			"":       string(data),
			" q8_0":  retype(func(string) string { return "q8_0" }),
			" mixed": retype(mixed),
		} {
			g, err := ir.Parse(text)
			if err != nil {
				t.Fatalf("%s%s: %v", name, suffix, err)
			}
			if err := ir.Verify(g); err != nil {
				t.Fatalf("%s%s: %v", name, suffix, err)
			}
			graphs[name+suffix] = g
		}
	}
	return graphs
}

// tied reports whether both vocabulary matrices of a plain graph's text come
// from one tensor.
func tied(text string) bool {
	rhs := func(w string) string {
		_, s, _ := strings.Cut(text, "weight @"+w+" ")
		s, _, _ = strings.Cut(s, "\n")
		return s
	}
	return rhs("token_embd.weight") == rhs("output.weight")
}

// cutsOf cuts behind the embedding, the last layer and the logits.
func cutsOf(g *ir.Graph) []string {
	b := Boundaries(g)
	return []string{b[0], b[len(b)-2], b[len(b)-1]}
}

func run(t *testing.T, g *ir.Graph, o Options) (*ir.Graph, []*Report) {
	t.Helper()
	if o.Target == nil {
		o.Target = target.CPU
	}
	if o.Cuts == nil {
		o.Cuts = cutsOf(g)
	}
	out, reps, err := Run(context.Background(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, reps
}

func opCounts(g *ir.Graph) map[ir.OpName]int {
	m := map[ir.OpName]int{}
	for _, n := range g.Nodes {
		m[n.Op]++
	}
	return m
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// The whole pipeline on every plain graph: what is left, and that nothing of a
// layer is relaid.
func TestPipeline(t *testing.T) {
	graphs := plainGraphs(t)
	for _, name := range sortedKeys(graphs) {
		g := graphs[name]
		layers := opCounts(g)["attention"]
		out, reps := run(t, g, Options{})
		n := opCounts(out)
		want := map[ir.OpName]int{"embedding": 1, "boundary": 3, "rms_norm": 2, "matmul_group": 2 * layers, "matmul": 2*layers + 1, "rope_qk": layers,
			"attention": layers, "add": 1, "add_rms_norm": 2*layers - 1, "gated_act": layers, "select_rows": 1, "topk": 1}
		if strings.Contains(name, " ") { // quantised: who can write int8 does
			for op, count := range maps.Clone(want) {
				if q := ir.QuantisedForm(op); q != "" {
					want[q] = count
					delete(want, op)
				}
			}
		}
		for op, count := range n {
			w, fixed := want[op]
			switch {
			case op == "relayout" || op == "add_bias":
			case !fixed || count != w:
				t.Errorf("%s: %d %s, want %d", name, count, op, w)
			}
		}
		if n["relayout"] != 0 {
			t.Errorf("%s: %d relayouts left", name, n["relayout"])
		}
		for _, w := range out.Weights {
			if strings.HasPrefix(w.Name, "blk.") && len(w.Shape) == 2 && w.Form != ir.P16 {
				t.Errorf("%s: weight %s is %s", name, w.Name, w.Form)
			}
		}
		for i, r := range reps {
			if r.Pass != Names()[i] || r.Nodes[1] == 0 || i > 0 && r.Nodes[0] != reps[i-1].Nodes[1] {
				t.Errorf("%s: report %d is %+v", name, i, r)
			}
		}
		text := fmt.Sprint(reps)
		grouped := "q+k+v"
		if strings.HasSuffix(name, "mixed") {
			grouped = "q+k | v (v is q4_0)"
			if !strings.Contains(text, "gate | up (up is q4_0)") {
				t.Errorf("%s: unequal gate and up are not explained: %s", name, text)
			}
		}
		if !strings.Contains(text, fmt.Sprintf("%d %s", layers, grouped)) {
			t.Errorf("%s: no %q in %s", name, grouped, text)
		}
	}
}

// Running the pipeline on its own output changes nothing.
func TestPipelineIsIdempotent(t *testing.T) {
	graphs := plainGraphs(t)
	for _, name := range sortedKeys(graphs) {
		o := Options{Cuts: cutsOf(graphs[name])}
		once, _ := run(t, graphs[name], o)
		twice, reps := run(t, once, o)
		if a, b := ir.Format(once), ir.Format(twice); a != b {
			t.Errorf("%s: the second run changes the graph: %v", name, reps)
		}
		for _, r := range reps {
			if r.Changed() && r.Pass != "choose-cuts" {
				t.Errorf("%s: the second run matches: %s: %s", name, r.Pass, r)
			}
		}
	}
}

// Without any one pass the rest still makes a verified graph with the
// properties of the passes that ran.
func TestEveryPassCanBeDisabled(t *testing.T) {
	graphs := plainGraphs(t)
	for _, name := range sortedKeys(graphs) {
		for _, p := range Table() {
			o := Options{Target: target.CPU, Cuts: cutsOf(graphs[name]), Disable: []string{p.Name}}
			_, reps, err := Run(context.Background(), graphs[name], o)
			if p.Always {
				if err == nil || !strings.Contains(err.Error(), p.Name) {
					t.Errorf("%s can be disabled: %v", p.Name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s without %s: %v", name, p.Name, err)
			}
			for _, r := range reps {
				if r.Pass == p.Name {
					t.Errorf("%s: %s ran although disabled", name, p.Name)
				}
			}
		}
	}
	_, _, err := Run(context.Background(), graphs["llama3"], Options{Target: target.CPU, Disable: []string{"fuse-nothing"}})
	if err == nil || !strings.Contains(err.Error(), "the passes are") {
		t.Errorf("an unknown pass is disabled in silence: %v", err)
	}
	_, reps, err := Run(context.Background(), graphs["llama3"], Options{Target: target.CPU, Disable: []string{"assign-layout"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reps {
		if r.Pass == "propagate-layout" && !strings.Contains(r.String(), "a pass it needs was disabled") {
			t.Errorf("propagate-layout without assign-layout: %s", r)
		}
	}
}

// shuffle reorders the nodes of g at random, keeping the order executable.
func shuffle(g *ir.Graph, r *rand.Rand) {
	made := map[ir.ValueID]bool{}
	for _, v := range g.Inputs {
		made[v] = true
	}
	left := slices.Clone(g.Nodes)
	g.Nodes = g.Nodes[:0:0]
	for len(left) > 0 {
		r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		i := slices.IndexFunc(left, func(n *ir.Node) bool {
			return !slices.ContainsFunc(n.In, func(v ir.ValueID) bool { return !made[v] })
		})
		for _, v := range left[i].Out {
			made[v] = true
		}
		g.Nodes = append(g.Nodes, left[i])
		left = slices.Delete(left, i, i+1)
	}
}

// No pass depends on an accidental node order: with nodes shuffled in front of
// and between passes every pass matches as often and leaves the same ops.
// That the numbers are the same too is shown in pkg/verify.
func TestNodeOrderDoesNotMatter(t *testing.T) {
	graphs := plainGraphs(t)
	for _, name := range sortedKeys(graphs) {
		g := graphs[name]
		want, reps := run(t, g, Options{})
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 7))
			c := g.Clone()
			shuffle(c, r)
			got, sreps := run(t, c, Options{Cuts: cutsOf(g), Mutate: func(_ *Pass, g *ir.Graph) { shuffle(g, r) }})
			if a, b := opCounts(want), opCounts(got); !maps.Equal(a, b) {
				t.Errorf("%s, seed %d: ops %v, want %v", name, seed, b, a)
			}
			for i := range reps {
				if a, b := places(reps[i].Matched), places(sreps[i].Matched); a != b {
					t.Errorf("%s, seed %d: %s: %s; want %s", name, seed, reps[i].Pass, sreps[i], reps[i])
				}
			}
			for _, v := range want.Values() {
				if o := got.ValueByName(v.Name); o == nil || !o.Type.Equal(v.Type) || o.Layout != v.Layout || o.Mark != v.Mark || o.MarkAt != v.MarkAt {
					t.Errorf("%s, seed %d: value %s became %+v", name, seed, v.Name, o)
				}
			}
		}
	}
}

func places(counts []Count) int {
	n := 0
	for _, c := range counts {
		n += c.N
	}
	return n
}

// A pass that breaks the graph, or a property that an earlier pass gave, ends
// the run with the pass's name.
func TestBugsAreNamed(t *testing.T) {
	g := plainGraphs(t)["llama3 q8_0"]
	for _, c := range []struct {
		pass, want string
		bug        func(g *ir.Graph)
	}{
		{"fuse-rope", "V3", func(g *ir.Graph) { slices.Reverse(g.Nodes) }},
		{"fuse-rope", `"activations quantised"`, func(g *ir.Graph) { unquantise(g) }},
		{"group-projections", `"projections grouped"`, func(g *ir.Graph) {
			if err := ir.Expand(g, func(n *ir.Node) bool { return n.Op == "matmul_group" }); err != nil {
				t.Fatal(err)
			}
		}},
		{"pack-weights", `"weights packed"`, func(g *ir.Graph) {
			for _, w := range g.Weights {
				if w.Kind == ir.ExprPack {
					w.Expr = w.Args[0]
					return
				}
			}
		}},
		{"pack-weights", `"norms fused"`, func(g *ir.Graph) {
			if err := ir.Expand(g, func(n *ir.Node) bool { return n.Op == "add_rms_norm_quant" }); err != nil {
				t.Fatal(err)
			}
		}},
		{"assign-layout", `"quantisation fused"`, func(g *ir.Graph) {
			if err := ir.Expand(g, func(n *ir.Node) bool { return n.Op == "rms_norm_quant" }); err != nil {
				t.Fatal(err)
			}
		}},
		{"propagate-layout", `"layouts right"`, func(g *ir.Graph) { plain(g) }},
		{"assign-layout", `"cuts chosen"`, func(g *ir.Graph) {
			for _, n := range g.Nodes {
				if n.Op == "boundary" {
					n.Set(ir.StringAttr("name", "elsewhere"))
					return
				}
			}
		}},
		{"propagate-layout", `"layouts settled"`, func(g *ir.Graph) {
			for _, n := range g.Nodes {
				if n.Op == "rms_norm_quant" {
					x := g.Value(n.Out[0])
					x.Layout = ir.Plain
					y := g.NewValue("again", x.Type)
					y.Layout = ir.C4
					rel := &ir.Node{Op: "relayout", In: []ir.ValueID{x.ID}, Out: []ir.ValueID{y.ID}, Attrs: []ir.Attr{ir.StringAttr("to", "c4")}}
					g.InsertAfter(n, rel)
					g.ReplaceUses(x.ID, y.ID, rel)
					return
				}
			}
		}},
	} {
		once := false
		_, _, err := Run(context.Background(), g, Options{Target: target.CPU, Cuts: cutsOf(g), Mutate: func(p *Pass, g *ir.Graph) {
			if p.Name == c.pass && !once {
				once = true
				c.bug(g)
			}
		}})
		if err == nil || !strings.Contains(err.Error(), "after pass "+c.pass) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("a bug in %s: %v, want %s", c.pass, err, c.want)
		}
	}
}

// A panic inside a pass is an error that names the pass, the model and the place.
func TestPanicIsNamed(t *testing.T) {
	g := ir.NewGraph("llama")
	boom := &Pass{Name: "boom", Run: func(c *Context) error {
		_ = c.G.Nodes[len(c.Cuts)]
		return nil
	}}
	_, _, err := Apply(boom, g, Options{Target: target.CPU})
	if err == nil || !strings.HasPrefix(err.Error(), "pass boom, model llama: panic at passes.TestPanicIsNamed") || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("a panic in a pass: %v", err)
	}
	_, _, err = Run(context.Background(), g, Options{Target: target.CPU, Mutate: func(p *Pass, _ *ir.Graph) {
		if p.Name == "fuse-rope" {
			panic("planted")
		}
	}})
	if err == nil || !strings.HasPrefix(err.Error(), "pass fuse-rope, model llama: panic") || !strings.Contains(err.Error(), "planted") {
		t.Errorf("a panic in a run: %v", err)
	}
}

// unquantise lets every matmul read the f32 activation.
func unquantise(g *ir.Graph) {
	for _, n := range slices.Clone(g.Nodes) {
		if n.Op == "quantize_act" {
			g.ReplaceUses(n.Out[0], n.In[0])
		}
	}
	g.RemoveDead()
}

// plain takes every c4 away.
func plain(g *ir.Graph) {
	for _, n := range slices.Clone(g.Nodes) {
		if n.Op == "relayout" {
			g.ReplaceUses(n.Out[0], n.In[0])
			g.Remove(n)
			g.DropValue(n.Out[0])
		}
	}
	for _, v := range g.Values() {
		v.Layout = ir.Plain
	}
}

func TestStopAfterAndCallback(t *testing.T) {
	g := plainGraphs(t)["qwen3 q8_0"]
	var seen []string
	o := Options{Target: target.CPU, Cuts: cutsOf(g), StopAfter: "fuse-rope", After: func(i int, p *Pass, g *ir.Graph, r *Report) error {
		if p == nil {
			seen = append(seen, "plain")
			return nil
		}
		if i < 1 || Names()[i-1] != p.Name || r.Pass != p.Name {
			t.Errorf("index %d for %s", i, p.Name)
		}
		seen = append(seen, p.Name)
		return ir.Verify(g)
	}}
	_, reps, err := Run(context.Background(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	if want := "plain choose-cuts last-token share-embedding quantize-activations group-projections fuse-rope"; strings.Join(seen, " ") != want || len(reps) != 6 {
		t.Errorf("saw %v, %d reports", seen, len(reps))
	}
	o.StopAfter = "fuse-ropes"
	if _, _, err := Run(context.Background(), g, o); err == nil {
		t.Error("an unknown pass to stop after is accepted")
	}
	o.StopAfter, o.Target = "", nil
	if _, _, err := Run(context.Background(), g, o); err == nil {
		t.Error("a run without a target is accepted")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.Target = target.CPU
	if _, _, err := Run(ctx, g, o); err != context.Canceled {
		t.Errorf("a cancelled run: %v", err)
	}
}

func TestCutNames(t *testing.T) {
	for _, c := range []struct {
		layers, parts int
		want          string
	}{
		{5, 1, "embed layer.4 logits"},
		{5, 2, "embed layer.2 layer.4 logits"},
		{5, 3, "embed layer.1 layer.3 layer.4 logits"},
		{4, 4, "embed layer.0 layer.1 layer.2 layer.3 logits"},
		{1, 1, "embed layer.0 logits"},
		{4, 0, ""},
		{4, 5, ""},
		{0, 1, ""},
	} {
		got, err := CutNames(c.layers, c.parts)
		if (err != nil) != (c.want == "") || err == nil && strings.Join(got, " ") != c.want {
			t.Errorf("CutNames(%d, %d) = %v, %v; want %s", c.layers, c.parts, got, err, c.want)
		}
	}
}

// A naive layer has nine places that want c4; every one of them ends as a
// producer's own.
func TestRelayoutCounts(t *testing.T) {
	g := plainGraphs(t)["qwen3 q8_0"]
	layers := opCounts(g)["attention"]
	_, reps := run(t, g, Options{Disable: []string{"group-projections"}})
	for _, r := range reps {
		switch r.Pass {
		case "assign-layout":
			if want := 7*layers + 1; r.Relayout[1].Kernels != want {
				t.Errorf("%d relayouts behind assign-layout, want %d", r.Relayout[1].Kernels, want)
			}
		case "propagate-layout":
			if r.Relayout[1] != (Relayouts{}) {
				t.Errorf("left: %+v", r.Relayout[1])
			}
		}
	}
}
