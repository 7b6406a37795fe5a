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

// Target is one table.
type Target struct {
	Name    string
	Matmuls []MatmulRow
	// WritesC4 lists the ops whose kernels can write output i as c4 themselves,
	// as a bit mask by op.
	WritesC4 map[ir.OpName]uint32
	// Gathers lists the weight types and forms that embedding reads.
	Gathers map[tensor.Type][]ir.Form
	// Fused lists the fused ops that have a kernel.
	Fused []ir.OpName
}

// CPU is the table of runtime/cpu.
var CPU = &Target{
	Name:    "cpu",
	Matmuls: matmuls(ir.P16),
	WritesC4: map[ir.OpName]uint32{ir.OpRMSNorm: 1, ir.OpAddRMSNorm: 2, ir.OpGatedAct: 1, ir.OpAttention: 1, ir.OpQuantizeAct: 1,
		ir.OpRMSNormQuant: 1, ir.OpAddRMSNormQuant: 2, ir.OpGatedActQuant: 1, ir.OpAttentionQuant: 1},
	Gathers: gathers(ir.Rows, ir.P16),
	Fused:   []ir.OpName{ir.OpMatmulGroup, ir.OpRopeQK, ir.OpAddRMSNorm, ir.OpGatedAct, ir.OpRMSNormQuant, ir.OpAddRMSNormQuant, ir.OpGatedActQuant, ir.OpAttentionQuant},
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
	return nil, fmt.Errorf("unknown target %q (known: %s)", name, strings.Join(known, ", "))
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

// CanWriteC4 reports whether op's kernel can write output i as c4.
func (t *Target) CanWriteC4(op ir.OpName, i int) bool {
	return i < 32 && t.WritesC4[op]&(1<<i) != 0
}

// CanGather reports whether embedding reads type w in form f.
func (t *Target) CanGather(w tensor.Type, f ir.Form) bool { return slices.Contains(t.Gathers[w], f) }

// HasFused reports whether the fused op has a kernel.
func (t *Target) HasFused(op ir.OpName) bool { return slices.Contains(t.Fused, op) }
