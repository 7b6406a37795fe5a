package cpu

import (
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

func elemFor(scheme string) kernel.Elem {
	if scheme != "" {
		return kernel.I8
	}
	return kernel.F32
}

// claims lists, from the target table and the op table, every kernel that a
// verified graph for this target may ask for, fused or not, with any pass left
// out: layouts as the table says or plain, weights in the table's form or rows,
// activations quantised or not.
func claims() []kernel.Key {
	t := target.CPU
	var keys []kernel.Key
	layouts := []kernel.Layout{kernel.Plain, kernel.C4}
	for _, row := range t.Matmuls {
		for _, op := range []kernel.Op{kernel.OpMatmul, kernel.OpMatmulGroup} {
			for _, f := range []kernel.Form{kernel.Rows, row.Form} {
				for _, l := range []kernel.Layout{kernel.Plain, row.Input} {
					keys = append(keys, kernel.Key{Op: op, Weight: row.Weight, Form: f, Elem: kernel.F32, Layout: l})
					if row.Scheme != "" {
						keys = append(keys, kernel.Key{Op: op, Weight: row.Weight, Form: f, Elem: elemFor(row.Scheme), Layout: l})
					}
				}
			}
		}
	}
	for w, forms := range t.Gathers {
		for _, f := range forms {
			keys = append(keys, kernel.Key{Op: kernel.OpEmbedding, Weight: w, Form: f, Elem: kernel.F32})
		}
	}
	for _, op := range ir.Ops() {
		if op.Fused() && !t.HasFused(op.Name) {
			continue
		}
		switch op.Name {
		case "matmul", "matmul_group", "embedding", "boundary": // above; boundary is a copy of its own
		case "attention", "attention_quant":
			elem := kernel.F32
			if op.Quantises != "" {
				elem = kernel.I8
			}
			for _, ty := range kernel.CacheTypes {
				for _, l := range layouts {
					if l == kernel.Plain || t.WritesC4[op.Name] != 0 {
						keys = append(keys, kernel.Key{Op: kernel.OpAttention, Weight: ty, Elem: elem, Layout: l})
					}
				}
			}
		case "relayout":
			for _, l := range layouts {
				keys = append(keys, kernel.Key{Op: kernel.OpRelayout, Elem: kernel.F32, Layout: l}, kernel.Key{Op: kernel.OpRelayout, Elem: kernel.I8, Layout: l})
			}
		default:
			k := kernel.Key{Op: kernel.Op(op.Name), Elem: kernel.F32}
			if op.Quantises != "" {
				k = kernel.Key{Op: kernel.Op(op.Quantises), Elem: kernel.I8}
			}
			keys = append(keys, k)
			if t.WritesC4[op.Name] != 0 {
				k.Layout = kernel.C4
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// Whatever the target table claims runs, at every tier; whatever has a kernel
// is claimed.
func TestTargetTableAndKernelsAgree(t *testing.T) {
	claimed := map[kernel.Key]bool{}
	for _, k := range claims() {
		claimed[k] = true
		for tier := kernel.Generic; ; tier++ {
			if _, err := kernel.Lookup(k, tier); err != nil {
				t.Errorf("the target table claims %s: %v", k, err)
			}
			if best, err := kernel.Best(); err != nil || tier == best {
				break
			}
		}
	}
	for _, row := range kernel.Table() {
		if !claimed[row.Key] {
			t.Errorf("kernel %s is not claimed by the target table", row.Key)
		}
	}
}

// Every op of the table compiles here; every fused op the target claims has a
// row, and c4 claims lie within what the op table allows.
func TestOpTableAndCompilersAgree(t *testing.T) {
	for _, op := range ir.Ops() {
		if compilers[op.Name] == nil {
			t.Errorf("op %s has no compiler", op.Name)
		}
		if mask := target.CPU.WritesC4[op.Name]; mask&^op.C4Out != 0 {
			t.Errorf("the target lets %s write outputs %b as c4, the op table %b", op.Name, mask, op.C4Out)
		}
		if op.Fused() && !target.CPU.HasFused(op.Name) {
			t.Errorf("fused op %s is not claimed", op.Name)
		}
	}
	for name := range compilers {
		if ir.Lookup(name) == nil {
			t.Errorf("there is a compiler for %s, which is no op", name)
		}
	}
	for _, f := range target.CPU.Fused {
		if op := ir.Lookup(f); op == nil || !op.Fused() {
			t.Errorf("the target claims %s, which is no fused op", f)
		}
	}
	for op := range target.CPU.WritesC4 {
		if ir.Lookup(op) == nil {
			t.Errorf("the target lets %s write c4, which is no op", op)
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
}
