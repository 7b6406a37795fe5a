//go:build fakerows

package target

import "github.com/tessera-llm/tessera/pkg/ir"

// Rows is a target for tests of law 7: the generic kernels over weights in
// rows, plain activations, nothing fused. Its numbers are those of CPU.
var Rows = &Target{Name: "rows", Gathers: CPU.Gathers}

func init() {
	CPU.Ops = append(CPU.Ops, OpRow{Op: ir.OpFake})
	for _, r := range CPU.Ops {
		if !ir.Lookup(r.Op).Fused() {
			Rows.Ops = append(Rows.Ops, OpRow{Op: r.Op})
		}
	}
	for _, r := range CPU.Matmuls {
		r.Input, r.Form = ir.Plain, ir.Rows
		Rows.Matmuls = append(Rows.Matmuls, r)
	}
	All = append(All, Rows)
}
