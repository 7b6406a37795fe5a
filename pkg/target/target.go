// Package target says, as data, what an execution target wants and can do: per
// op and weight type the activation scheme, the layout of the input and the
// packing form of the weight.
//
// "May fuse", "needs c4" and "can execute" are this one table. Passes read it;
// a test in the backend proves that rows and kernels agree in both directions.
package target

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// MatmulRow says how a matmul over one weight type wants its operands.
type MatmulRow struct {
	Weight tensor.Type
	Scheme string    // activation quantisation; "" for f32 activations
	Input  ir.Layout // layout of the activation
	Form   ir.Form   // packing form of the weight
	KMod   int64     // K must be a multiple of this for Scheme to apply
}

// OpRow says that the target executes an op, and how.
type OpRow struct {
	Op ir.OpName
	// C4In and C4Out: bit i for input or output i that the kernel can read or
	// write as c4 itself.
	C4In, C4Out uint32
	// Quant: there is a kernel, too, that quantises the last output
	// (ir.QuantisedForm).
	Quant bool
}

// Target is one table.
type Target struct {
	Name string
	// Ops lists what the target executes.
	Ops []OpRow
	// Matmuls lists the weight types that an op may read as a matrix, Gathers
	// those that it may pick rows of, with their forms.
	Matmuls []MatmulRow
	Gathers map[tensor.Type][]ir.Form
}

// CPU is the table of runtime/cpu.
var CPU = &Target{
	Name: "cpu",
	Ops: []OpRow{
		{Op: ir.OpEmbedding},
		{Op: ir.OpRMSNorm, C4Out: 1, Quant: true},
		{Op: ir.OpMatmul, C4In: 1},
		{Op: ir.OpAddBias},
		{Op: ir.OpAdd},
		{Op: ir.OpMul},
		{Op: ir.OpSilu},
		{Op: ir.OpGeluTanh},
		{Op: ir.OpRope},
		{Op: ir.OpAttention, C4Out: 1, Quant: true},
		{Op: ir.OpCausalConv},
		{Op: ir.OpSelectRows},
		{Op: ir.OpTopK},
		{Op: ir.OpBoundary},
		{Op: ir.OpQuantizeAct, C4In: 1, C4Out: 1},
		{Op: ir.OpRelayout, C4In: 1, C4Out: 1},
		{Op: ir.OpMatmulGroup, C4In: 1},
		{Op: ir.OpRopeQK},
		{Op: ir.OpAddRMSNorm, C4Out: 2, Quant: true},
		{Op: ir.OpGatedAct, C4Out: 1, Quant: true},
	},
	Matmuls: matmuls(ir.P16),
	Gathers: gathers(ir.Rows, ir.P16),
}

// matmuls has a row for every weight type with a packed form: quantised ones want
// quantised activations, and all of them c4.
func matmuls(form ir.Form) []MatmulRow {
	var rows []MatmulRow
	for _, t := range pack.Types() {
		row := MatmulRow{Weight: t, Input: ir.C4, Form: form, KMod: int64(t.BlockElems())}
		if t.Quantised() {
			row.Scheme = "s256e32"
		}
		rows = append(rows, row)
	}
	return rows
}

// gathers says of every weight type with a packed form that embedding reads it in forms.
func gathers(forms ...ir.Form) map[tensor.Type][]ir.Form {
	all := map[tensor.Type][]ir.Form{}
	for _, t := range pack.Types() {
		all[t] = forms
	}
	return all
}

// All lists the targets.
var All = []*Target{CPU}

// Lookup returns the target called name.
func Lookup(name string) (*Target, error) {
	var known []string
	for _, t := range All {
		if t.Name == name {
			return t, nil
		}
		known = append(known, t.Name)
	}
	return nil, fmt.Errorf("unknown target %.40q (known: %s)", name, strings.Join(known, ", "))
}

// Matmul returns the row for a weight type.
func (t *Target) Matmul(w tensor.Type) (MatmulRow, bool) {
	for _, r := range t.Matmuls {
		if r.Weight == w {
			return r, true
		}
	}
	return MatmulRow{}, false
}

// Scheme is the activation quantisation a matmul with this weight wants, ""
// for f32 activations.
func (t *Target) Scheme(w *ir.Expr) string {
	r, ok := t.Matmul(w.Type)
	if !ok || w.Shape.Last()%r.KMod != 0 {
		return ""
	}
	return r.Scheme
}

// row is the row that executes op, which for a quantised form is that of what
// it quantises; nil when the target does not execute op.
func (t *Target) row(op ir.OpName) *OpRow {
	o := ir.Lookup(op)
	if o == nil {
		return nil
	}
	name, quant := op, o.Quantises != ""
	if quant {
		name = o.Quantises
	}
	for i := range t.Ops {
		if r := &t.Ops[i]; r.Op == name && (r.Quant || !quant) {
			return r
		}
	}
	return nil
}

// Executes reports whether the target has a kernel for op.
func (t *Target) Executes(op ir.OpName) bool { return t.row(op) != nil }

// CanWriteC4 reports whether op's kernel can write output i as c4.
func (t *Target) CanWriteC4(op ir.OpName, i int) bool {
	r := t.row(op)
	return r != nil && i < 32 && r.C4Out&(1<<i) != 0
}

// CanGather reports whether embedding reads type w in form f.
func (t *Target) CanGather(w tensor.Type, f ir.Form) bool { return slices.Contains(t.Gathers[w], f) }
