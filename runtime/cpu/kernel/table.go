package kernel

import (
	"fmt"
	"sort"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Op names a kernel; the names are those of the IR.
type Op string

// The ops with kernels. OpKVAppend and OpAttention together are the IR's
// attention.
const (
	OpEmbedding   Op = "embedding"
	OpRMSNorm     Op = "rms_norm"
	OpMatmul      Op = "matmul"
	OpMatmulGroup Op = "matmul_group"
	OpAddBias     Op = "add_bias"
	OpAdd         Op = "add"
	OpMul         Op = "mul"
	OpSilu        Op = "silu"
	OpGeluTanh    Op = "gelu_tanh"
	OpRope        Op = "rope"
	OpRopeQK      Op = "rope_qk"
	OpAddRMSNorm  Op = "add_rms_norm"
	OpGatedAct    Op = "gated_act"
	OpAttention   Op = "attention"
	OpSelectRows  Op = "select_rows"
	OpTopK        Op = "topk"
	OpQuantizeAct Op = "quantize_act"
	OpRelayout    Op = "relayout"
)

// Key is what a kernel is chosen by. Weight and Form are zero for ops without
// a weight matrix. Elem and Layout are those of the input for matmul and
// quantize_act, of the output for all other ops; for attention Weight is the cache
// type.
type Key struct {
	Op     Op
	Weight tensor.Type
	Form   Form
	Elem   Elem
	Layout Layout
}

func (k Key) String() string {
	if k.Weight == tensor.Invalid {
		return fmt.Sprintf("%s (%s %s)", k.Op, k.Elem, k.Layout)
	}
	return fmt.Sprintf("%s (%s %s, %s %s)", k.Op, k.Weight, k.Form, k.Elem, k.Layout)
}

// Row is one row of the kernel table.
type Row struct {
	Key
	Tier Tier

	matmul *matmulImpl // matmul and matmul_group rows only
}

type tableKey struct {
	Key
	Tier Tier
}

// table is the one kernel table, filled once from the lists below.
var table = buildTable()

// Lookup returns the row that runs for k at tier t: the tier's own or the
// nearest below it.
func Lookup(k Key, t Tier) (Row, error) {
	for {
		if r, ok := table[tableKey{k, t}]; ok {
			return r, nil
		}
		if t == Generic {
			return Row{}, fmt.Errorf("no kernel for %s", k)
		}
		t = t.below()
	}
}

func lookupMatmul(k Key, t Tier) (*matmulImpl, error) {
	r, err := Lookup(k, t)
	if err != nil {
		return nil, err
	}
	return r.matmul, nil
}

// Table lists all rows, ordered by op, weight, form, element, layout and tier.
func Table() []Row {
	rows := make([]Row, 0, len(table))
	for _, r := range table {
		rows = append(rows, r)
	}
	sort.Slice(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		switch {
		case a.Op != b.Op:
			return a.Op < b.Op
		case a.Weight != b.Weight:
			return a.Weight < b.Weight
		case a.Form != b.Form:
			return a.Form < b.Form
		case a.Elem != b.Elem:
			return a.Elem < b.Elem
		case a.Layout != b.Layout:
			return a.Layout < b.Layout
		}
		return a.Tier < b.Tier
	})
	return rows
}

// WeightTypes are the types with kernels: those with a packed form, whose recipe the
// generic tier follows.
var WeightTypes = pack.Types()

// CacheTypes are the element types of a KV cache.
var CacheTypes = []tensor.Type{tensor.F32, tensor.F16, tensor.Q8_0}

func buildTable() map[tableKey]Row {
	t := map[tableKey]Row{}
	add := func(k Key, tier Tier, m *matmulImpl) { t[tableKey{k, tier}] = Row{k, tier, m} }
	layouts := []Layout{Plain, C4}
	forms := []Form{Rows, P16}
	for _, ty := range WeightTypes {
		for _, f := range forms {
			add(Key{Op: OpEmbedding, Weight: ty, Form: f, Elem: F32}, Generic, nil)
			for _, l := range layouts {
				for _, op := range []Op{OpMatmul, OpMatmulGroup} {
					add(Key{op, ty, f, F32, l}, Generic, &genericMatmul[F32])
					if ty.Quantised() {
						add(Key{op, ty, f, I8, l}, Generic, &genericMatmul[I8])
					}
				}
			}
		}
	}
	for _, l := range layouts {
		for _, op := range []Op{OpRMSNorm, OpAddRMSNorm, OpGatedAct, OpRelayout} {
			add(Key{Op: op, Elem: F32, Layout: l}, Generic, nil)
		}
		for _, op := range []Op{OpRMSNorm, OpAddRMSNorm, OpGatedAct} {
			add(Key{Op: op, Elem: I8, Layout: l}, Generic, nil) // the IR's rms_norm_quant and so on
		}
		add(Key{Op: OpQuantizeAct, Elem: F32, Layout: l}, Generic, nil)
		add(Key{Op: OpRelayout, Elem: I8, Layout: l}, Generic, nil)
		for _, ty := range CacheTypes {
			add(Key{Op: OpAttention, Weight: ty, Elem: F32, Layout: l}, Generic, nil)
			add(Key{Op: OpAttention, Weight: ty, Elem: I8, Layout: l}, Generic, nil)
		}
	}
	for _, op := range []Op{OpAddBias, OpAdd, OpMul, OpSilu, OpGeluTanh, OpRope, OpRopeQK, OpSelectRows, OpTopK} {
		add(Key{Op: op, Elem: F32}, Generic, nil)
	}
	addArch(add)
	return t
}
