package backendtest

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// maker collects the cases of one op.
type maker struct {
	op     *ir.Op // the op under test
	target *target.Target
	codecs []string // cache types
	long   bool
	cache  weightCache
	cases  []*Case
	err    error
	scheme string // of an op that quantises its last output
}

// fail keeps the first error.
func (m *maker) fail(err error) {
	if m.err == nil && err != nil {
		m.err = err
	}
}

// layouts lists what output i of the op may be written as.
func (m *maker) layouts(i int) []ir.Layout {
	if m.target.CanWriteC4(m.op.Name, i) {
		return []ir.Layout{ir.Plain, ir.C4}
	}
	return []ir.Layout{ir.Plain}
}

// fits says whether the op can have a last output of so many channels: what
// quantises wants whole blocks.
func (m *maker) fits(channels int64) bool { return m.op.Quantises == "" || channels%32 == 0 }

// builder makes the graph of one case. Every second case has its inputs and
// outputs behind boundaries, so that they lie in the device's own memory, where
// kernels may work in place.
type builder struct {
	m       *maker
	c       *Case
	g       *ir.Graph
	extreme bool
	inside  bool
	seed    int
}

func (m *maker) begin(format string, args ...any) *builder {
	name := string(m.op.Name) + " " + fmt.Sprintf(format, args...)
	seed := len(m.cases)
	b := &builder{m: m, g: ir.NewGraph("case"), seed: seed, inside: seed%2 == 1}
	if m.scheme != "" {
		name += " " + m.scheme
	}
	b.c = &Case{Name: fmt.Sprintf("%s #%d", name, seed), Graph: b.g, Weights: map[string][]byte{}, f32: map[string][]float32{}, i32: map[string][]int32{}}
	return b
}

// end adds the case: rows of data, and the spans that belong to its number.
func (b *builder) end(rows int) *Case {
	b.c.Rows = rows
	if b.c.Spans == nil {
		b.c.Spans = spans(rows, b.seed, b.m.long)
	}
	b.c.Extreme = b.extreme
	for _, id := range b.g.Inputs {
		if v := b.g.Value(id); v.Type.Elem == ir.F32 && b.c.f32[v.Name] == nil && b.c.top == nil {
			b.c.f32[v.Name] = random(b.c.Name+v.Name, rows, int(v.Channels()), b.extreme)
		}
	}
	b.m.cases = append(b.m.cases, b.c)
	return b.c
}

// raw declares an input.
func (b *builder) raw(name string, e ir.Elem, shape ...ir.Dim) ir.ValueID {
	return b.g.AddInput(name, ir.Type{Elem: e, Shape: shape})
}

// input declares f32 rows of so many channels.
func (b *builder) input(name string, channels int64) ir.ValueID {
	return b.indoors(b.raw(name, ir.F32, ir.S, ir.Dim(channels)))
}

// paced gives the case a state, so that its spans begin at other positions
// than 0: an attention of one channel that nobody reads.
func (b *builder) paced() {
	b.g.AddState(&ir.State{Name: "pace", Heads: 1, KDim: 1, VDim: 1})
	x := b.raw("pace", ir.F32, ir.S, 1)
	b.node(ir.Node{Op: ir.OpAttention, In: []ir.ValueID{x, x, x}, States: []string{"pace"}, Attrs: []ir.Attr{
		ir.IntAttr("head_dim", 1), ir.IntAttr("heads", 1), ir.IntAttr("kv_heads", 1), ir.FloatAttr("scale", 1)}}, "paced")
	b.c.KV = b.m.codecs[:1]
}

// ids declares ids below n.
func (b *builder) ids(name string, rows, n int) ir.ValueID {
	r := seeded(b.c.Name + name)
	x := make([]int32, rows)
	for i := range x {
		x[i] = int32(r.IntN(n))
	}
	x[0], x[len(x)-1] = int32(n-1), 0
	b.c.i32[name] = x
	return b.raw(name, ir.I32, ir.S)
}

// indoors copies v into the device's own memory, in every second case.
func (b *builder) indoors(v ir.ValueID) ir.ValueID {
	if !b.inside {
		return v
	}
	name := b.g.Value(v).Name + ".inside"
	return b.node(ir.Node{Op: ir.OpBoundary, In: []ir.ValueID{v}, Attrs: []ir.Attr{ir.StringAttr("name", name)}}, name)[0]
}

// node adds a node, whatever op.
func (b *builder) node(n ir.Node, names ...string) []ir.ValueID {
	out, err := b.g.Add(n, names...)
	if err != nil {
		b.m.fail(fmt.Errorf("%s: %w", b.c.Name, err))
		for _, name := range names {
			out = append(out, b.g.NewValue(name, ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, 1}}).ID)
		}
	}
	return out
}

// weight adds a random matrix, or vector when k is 0, and returns its name.
func (b *builder) weight(name string, t tensor.Type, f ir.Form, k int64, rows ...int64) string {
	shape, n := tensor.Shape{0, k}, int64(0)
	for _, r := range rows {
		n += r
	}
	shape[0] = n
	data, err := []byte(nil), error(nil)
	if k == 0 {
		shape, rows = tensor.Shape{n}, []int64{n}
		data, err = b.m.cache.get(t, f, []int64{1}, n)
	} else {
		data, err = b.m.cache.get(t, f, rows, k)
	}
	b.m.fail(err)
	_, err = b.g.AddWeight(name, ir.StoredExpr(name, t, shape, f, rows))
	b.m.fail(err)
	b.c.Weights[name] = data
	return name
}

// apply adds the op under test with n outputs, the one at i in layout l (at
// -1 none), and observes them all.
func (b *builder) apply(n ir.Node, outputs, at int, l ir.Layout) []ir.ValueID {
	n.Op = b.m.op.Name
	if b.m.op.Quantises != "" {
		n.Attrs = append(slices.Clone(n.Attrs), ir.StringAttr("scheme", b.m.scheme))
	}
	names := make([]string, outputs)
	for i := range names {
		if names[i] = fmt.Sprintf("y%d", i); b.g.ValueByName(names[i]) != nil {
			names[i] += ".again"
		}
	}
	out := b.node(n, names...)
	if at >= 0 {
		b.g.Value(out[at]).Layout = l
	}
	for _, v := range out {
		b.observe(v)
	}
	return out
}

// observe makes graph outputs of v: f32 and i32 as they are, c4 through
// relayout and through a matmul that reads its pads too, i8 through matmuls.
func (b *builder) observe(v ir.ValueID) {
	val := b.g.Value(v)
	k := val.Channels()
	show := func(v ir.ValueID) { b.g.Outputs = append(b.g.Outputs, v) }
	switch {
	case val.Type.Elem == ir.I32:
		show(v)
	case val.Type.Elem == ir.I8:
		for _, t := range b.readers(val) {
			w := b.weight(fmt.Sprintf("%s.%s", val.Name, t), t, ir.P16, k, 3)
			show(b.node(ir.Node{Op: ir.OpMatmul, In: []ir.ValueID{v}, Weights: []string{w}}, val.Name+".by."+t.String())[0])
		}
	case val.Layout == ir.C4:
		show(b.node(ir.Node{Op: ir.OpRelayout, In: []ir.ValueID{v}, Attrs: []ir.Attr{ir.StringAttr("to", "plain")}}, val.Name+".plain")[0])
		w := b.weight(val.Name+".w", tensor.F32, ir.P16, k, 3)
		show(b.node(ir.Node{Op: ir.OpMatmul, In: []ir.ValueID{v}, Weights: []string{w}}, val.Name+".by.f32")[0])
	default:
		show(b.indoors(v))
	}
}

// readers are weight types whose matmuls see an i8 value: two of those the
// target lists, others in every case, so that all kinds of sums beside the integers
// are read.
func (b *builder) readers(v *ir.Value) []tensor.Type {
	var all []tensor.Type
	for _, r := range b.m.target.Matmuls {
		if r.Scheme == v.Type.Scheme && v.Channels()%r.KMod == 0 {
			all = append(all, r.Weight)
		}
	}
	if len(all) == 0 {
		b.m.fail(fmt.Errorf("%s: no weight type of target %s reads %s", b.c.Name, b.m.target.Name, v.Type))
		return nil
	}
	i := b.seed % len(all)
	if len(all) == 1 {
		return all
	}
	return []tensor.Type{all[i], all[(i+len(all)/2)%len(all)]}
}
