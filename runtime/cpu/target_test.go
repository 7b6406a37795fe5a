package cpu

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// zeros hands out weights of zeros in the type and form asked for.
type zeros struct{}

func (zeros) Bytes(_ string, w *ir.Weight) ([]byte, error) {
	form, err := pack.Of(w.Form)
	if err != nil {
		return nil, err
	}
	size, err := form.Bytes(w.Type, w.Shape, w.Rows)
	if err != nil {
		return nil, err
	}
	return kernel.AlignedBytes(int(size)), nil
}

// scale makes the sizes of pkg/ir's graph with every op large enough for blocks
// of 256.
const scale = 8

// site is a graph of one node, n, between relayouts and quantisations that bring
// its inputs into the wanted elements and layouts.
type site struct {
	g    *ir.Graph
	n    *ir.Node
	what string
}

// variant is what a site is asked to be.
type variant struct {
	op      ir.OpName
	act     string
	i8      bool            // inputs that may be quantised are
	in, out uint32          // c4 bits
	weight  tensor.Type     // of matrices and gathers, and of vectors
	form    ir.Form         // of matrices and gathers
	reads   map[ir.Read]int // what the node reads
}

// newSite builds v out of node old of g, which is the same op, or an activation
// when v is one.
func newSite(g *ir.Graph, old *ir.Node, v variant) (*site, error) {
	s := &site{g: ir.NewGraph("site"), n: &ir.Node{Op: v.op}}
	op := ir.Lookup(v.op)
	for i, id := range old.In {
		t := g.Value(id).Type
		t.Elem, t.Scheme = map[bool]ir.Elem{true: ir.I32, false: ir.F32}[t.Elem == ir.I32], ""
		t.Shape = slices.Clone(t.Shape)
		for j, d := range t.Shape {
			if !d.Symbolic() {
				t.Shape[j] = d * scale
			}
		}
		name := fmt.Sprintf("in%d", i)
		x, err := s.g.AddInput(name, t), error(nil)
		if v.i8 && op.Quantisable>>i&1 != 0 {
			x, err = s.add(ir.Node{Op: ir.OpQuantizeAct, In: []ir.ValueID{x}, Attrs: []ir.Attr{ir.StringAttr("scheme", ir.Schemes[0])}}, name+".q", ir.Plain)
		} else if v.i8 && op.Relays {
			x, err = s.add(ir.Node{Op: ir.OpQuantizeAct, In: []ir.ValueID{x}, Attrs: []ir.Attr{ir.StringAttr("scheme", ir.Schemes[0])}}, name+".q", ir.Plain)
		}
		if err == nil && v.in>>i&1 != 0 {
			x, err = s.add(ir.Node{Op: ir.OpRelayout, In: []ir.ValueID{x}, Attrs: []ir.Attr{ir.StringAttr("to", ir.C4.String())}}, name+".c4", ir.C4)
		}
		if err != nil {
			return nil, err
		}
		s.n.In = append(s.n.In, x)
	}
	for i, name := range old.Weights {
		w := g.Weight(name)
		shape, rows, form := slices.Clone(w.Shape), slices.Clone(w.Rows), v.form
		for j := range shape {
			if j == 0 || op.ReadAs(i) != ir.Vector { // few numbers per channel stay few
				shape[j] *= scale
			}
		}
		for j := range rows {
			rows[j] *= scale
		}
		if op.ReadAs(i) == ir.Vector {
			form = ir.Rows
		}
		name := fmt.Sprintf("w%d", i)
		if _, err := s.g.AddWeight(name, ir.StoredExpr(name, v.weight, shape, form, rows)); err != nil {
			return nil, err
		}
		s.n.Weights = append(s.n.Weights, name)
	}
	for _, name := range old.States {
		st := *g.State(name)
		st.KDim, st.VDim, st.Base, st.Row = st.KDim*scale, st.VDim*scale, st.Base*scale, st.Row*scale
		s.g.AddState(&st)
		s.n.States = append(s.n.States, name)
	}
	for _, a := range old.Attrs {
		switch {
		case a.Kind == ir.Int && slices.Contains([]string{"dim", "head_dim", "rotary_dim", "k"}, a.Key):
			a = ir.IntAttr(a.Key, a.I*scale)
		case a.Kind == ir.Ints:
			many := slices.Clone(a.L)
			for i := range many {
				many[i] *= scale
			}
			a = ir.IntsAttr(a.Key, many...)
		case a.Key == op.Applies:
			a = ir.StringAttr(a.Key, v.act)
		case op.Relays:
			a = ir.StringAttr(a.Key, map[uint32]ir.Layout{0: ir.Plain, 1: ir.C4}[v.out].String())
		}
		s.n.Attrs = append(s.n.Attrs, a)
	}
	types, err := s.g.Infer(s.n)
	if err != nil {
		return nil, err
	}
	for i, t := range types {
		out := s.g.NewValue(fmt.Sprintf("out%d", i), t)
		if v.out>>i&1 != 0 {
			out.Layout = ir.C4
		}
		s.n.Out = append(s.n.Out, out.ID)
	}
	s.g.Nodes = append(s.g.Nodes, s.n)
	s.what = fmt.Sprintf("%s %s i8=%v c4 in %b out %b, weights %s %s", v.op, v.act, v.i8, v.in, v.out, v.weight, v.form)
	return s, ir.Verify(s.g)
}

func (s *site) add(n ir.Node, name string, l ir.Layout) (ir.ValueID, error) {
	out, err := s.g.Add(n, name)
	if err != nil {
		return ir.None, err
	}
	s.g.Value(out[0]).Layout = l
	return out[0], nil
}

// run executes the site on d without asking the target table: five tokens, inputs
// that any op takes.
func (s *site) run(d *device) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	e, err := d.build("site", s.g, size(5))
	if err != nil {
		return err
	}
	st, err := d.NewState(s.g.States, codec.Pair{K: codec.F32, V: codec.F32}, 16)
	if err != nil {
		return err
	}
	var in []backend.Buffer
	for _, id := range s.g.Inputs {
		t := s.g.Value(id).Type
		b, err := d.NewBuffer(t, 5)
		if err != nil {
			return err
		}
		cols := 1
		if len(t.Shape) == 2 {
			cols = int(t.Shape[1])
		}
		ints, floats := make([]int32, 5*cols), make([]float32, 5*cols)
		for i := range ints {
			ints[i], floats[i] = int32(i), 1+float32(i%7)
		}
		if t.Elem == ir.I32 {
			err = b.SetInt32(ints)
		} else {
			err = b.SetFloat32(floats)
		}
		if err != nil {
			return err
		}
		in = append(in, b)
	}
	span := backend.Span{Rows: 5, Want: []int32{0, 1, 2, 3, 4}}
	if len(s.g.States) > 0 {
		span.State = st
	}
	return e.Run(context.Background(), []backend.Span{span}, in, nil)
}

// variants lists all that op might be asked for.
func variants(op *ir.Op, old *ir.Node) []variant {
	acts := []string{""}
	if op.Applies != "" {
		acts = nil
		for _, o := range ir.Ops() {
			acts = append(acts, string(o.Name))
		}
	}
	types := []tensor.Type{tensor.F32}
	forms := []ir.Form{ir.Rows}
	if op.Weights != 0 {
		types = nil
		for ty := tensor.Type(1); ty.Valid(); ty++ {
			types = append(types, ty)
		}
		if op.Reads[0] != ir.Vector {
			forms = append(forms, ir.P16)
		}
	}
	quants := []bool{false}
	if op.Quantisable != 0 || op.Relays {
		quants = append(quants, true)
	}
	var all []variant
	for in := range uint32(1) << len(old.In) {
		for out := range uint32(1) << min(len(old.Out), 3) {
			for _, act := range acts {
				for _, q := range quants {
					for _, ty := range types {
						for _, f := range forms {
							all = append(all, variant{op: op.Name, act: act, i8: q, in: in, out: out, weight: ty, form: f})
						}
					}
				}
			}
		}
	}
	return all
}

// What the target table claims runs, at every tier; what it does not claim is
// refused by the kernels too, with an error and not with a panic. Every op of the
// table in every element, layout, weight type and form that Verify allows.
func TestTargetTableAndKernelsAgree(t *testing.T) {
	text, err := os.ReadFile(testutil.Root() + "/pkg/ir/testdata/ops.ir")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ir.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[ir.OpName]*ir.Node{}
	for _, n := range g.Nodes {
		nodes[n.Op] = n
	}
	var devices []*device
	for _, tier := range kernel.Available() {
		d, err := Backend{}.Open(zeros{}, backend.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		d.(*device).tier = tier
		devices = append(devices, d.(*device))
	}
	claimed, refused := 0, 0
	for _, op := range ir.Ops() {
		old := nodes[op.Name]
		if old == nil && op.Activation {
			old = nodes[ir.OpSilu]
		}
		if old == nil {
			t.Errorf("ops.ir has no %s", op.Name)
			continue
		}
		ran := false
		for _, v := range variants(op, old) {
			s, err := newSite(g, old, v)
			if err != nil {
				continue // no graph may hold it
			}
			want := target.CPU.Supports(s.g, s.n)
			for _, d := range devices {
				switch err := s.run(d); {
				case want == nil && err != nil:
					t.Errorf("%s: the target table claims it, at tier %s: %v", s.what, d.tier, err)
				case want != nil && err == nil:
					t.Errorf("%s: runs at tier %s, the target table: %v", s.what, d.tier, want)
				case err != nil && err.Error()[:min(5, len(err.Error()))] == "panic":
					t.Errorf("%s at tier %s: %v", s.what, d.tier, err)
				}
			}
			if want == nil {
				claimed++
				ran = true
			} else {
				refused++
			}
		}
		if !ran {
			t.Errorf("%s runs in no way", op.Name)
		}
	}
	if claimed < 100 || refused < 100 {
		t.Errorf("%d variants claimed, %d refused: too few to be all", claimed, refused)
	}
	t.Logf("%d variants claimed, %d refused, %d tiers", claimed, refused, len(devices))
}

// Every row of the tables is about an op, the methods are those of the target's
// rows, and c4 claims lie within what the op table allows.
func TestTargetRowsAndMethodsAgree(t *testing.T) {
	rows := map[ir.OpName]bool{}
	for _, r := range target.CPU.Ops {
		op := ir.Lookup(r.Op)
		if op == nil || op.Quantises != "" || rows[r.Op] {
			t.Errorf("target row %q is no op, a quantised form, or stands twice", r.Op)
			continue
		}
		rows[r.Op] = true
		if r.C4In&^op.C4In != 0 || r.C4Out&^op.C4Out != 0 || r.Quant && !op.HasQuant {
			t.Errorf("target row %+v goes beyond the op table", r)
		}
		if m := methods[r.Op]; m.compile == nil || op.Activation != (m.act != nil) {
			t.Errorf("the target claims %s, which has no method or one that does not fit its traits", r.Op)
		}
	}
	for name := range maps.Keys(methods) {
		if !rows[name] {
			t.Errorf("there is a method for %s, which the target does not claim", name)
		}
	}
	for _, op := range ir.Ops() {
		if !target.CPU.Executes(op.Name) {
			t.Errorf("op %s is not claimed", op.Name)
		}
	}
	seen := []tensor.Type{}
	for _, row := range target.CPU.Matmuls {
		if slices.Contains(seen, row.Weight) || row.KMod < 1 || (row.Scheme != "") != row.Weight.Quantised() {
			t.Errorf("matmul row %+v", row)
		}
		if row.Scheme != "" && !slices.Contains(ir.Schemes, row.Scheme) {
			t.Errorf("%s wants scheme %q, which is unknown", row.Weight, row.Scheme)
		}
		seen = append(seen, row.Weight)
	}
	for _, row := range kernel.Table() {
		if !slices.Contains(seen, row.Weight) {
			t.Errorf("kernel %s is not claimed", row.Key)
		}
	}
}

// An activation that the backend lacks is an error of Compile, by op and name,
// and never another activation.
func TestUnknownActivation(t *testing.T) {
	g, err := ir.Parse(`graph g
input %0 gate f32[S,32]
input %1 up f32[S,32]
%2 y f32[S,32] = gated_act(%0, %1) {act="gelu_tanh"}
output %2`)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Backend{}.Open(zeros{}, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Compile("s", g, backend.Size{Tokens: 4, Rows: 4}); err != nil {
		t.Fatal(err)
	}
	m := methods[ir.OpGeluTanh]
	delete(methods, ir.OpGeluTanh)
	_, err = d.Compile("s", g, backend.Size{Tokens: 4, Rows: 4})
	methods[ir.OpGeluTanh] = m
	if err == nil || !strings.Contains(err.Error(), "gated_act (y)") || !strings.Contains(err.Error(), `no activation "gelu_tanh"`) {
		t.Errorf("without a method: %v", err)
	}
	rows := target.CPU.Ops
	target.CPU.Ops = slices.DeleteFunc(slices.Clone(rows), func(r target.OpRow) bool { return r.Op == ir.OpGeluTanh })
	_, err = d.Compile("s", g, backend.Size{Tokens: 4, Rows: 4})
	target.CPU.Ops = rows
	if err == nil || !strings.Contains(err.Error(), "gated_act (y)") || !strings.Contains(err.Error(), `no activation "gelu_tanh"`) {
		t.Errorf("without a target row: %v", err)
	}
}
