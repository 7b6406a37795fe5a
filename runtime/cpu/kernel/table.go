package kernel

import (
	"fmt"
	"sort"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Key is what the kernel of a matrix product is chosen by: the type and form of
// the weight, element and layout of the input. Every other op has one task,
// whose vector forms vectorTier chooses; what those take, their Prepare says.
type Key struct {
	Weight tensor.Type
	Form   Form
	Elem   Elem
	Layout Layout
}

func (k Key) String() string {
	return fmt.Sprintf("matmul (%s %s, %s %s)", k.Weight, k.Form, k.Elem, k.Layout)
}

// Row is one row of the kernel table.
type Row struct {
	Key
	Tier Tier

	impl *matmulImpl
}

type tableKey struct {
	Key
	Tier Tier
}

// table is the table of matrix kernels, filled once from the lists below.
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

// Table lists all rows, ordered by weight, form, element, layout and tier.
func Table() []Row {
	rows := make([]Row, 0, len(table))
	for _, r := range table {
		rows = append(rows, r)
	}
	sort.Slice(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		switch {
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

func buildTable() map[tableKey]Row {
	t := map[tableKey]Row{}
	add := func(k Key, tier Tier, m *matmulImpl) { t[tableKey{k, tier}] = Row{k, tier, m} }
	for _, ty := range WeightTypes {
		for _, f := range []Form{Rows, P16} {
			for _, l := range []Layout{Plain, C4} {
				add(Key{ty, f, F32, l}, Generic, &genericMatmul[F32])
				if ty.Quantised() {
					add(Key{ty, f, I8, l}, Generic, &genericMatmul[I8])
				}
			}
		}
	}
	addArch(add)
	return t
}
