package weights

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
)

// blockBytes is about the size of the blocks in which a weight is evaluated:
// small enough that source and result stay in the cache of a core while they
// are checked, packed, written and hashed. A variable only for tests.
var blockBytes int64 = 128 << 10

// block is a run of rows and the place of its bytes in the weight. Blocks are
// cut at fixed places: the result does not depend on who evaluates them.
type block struct {
	lo, hi    int64 // rows
	off, size int64 // bytes
}

// simple moves slices of packed weights below the packing: whole members are
// cut, so the bytes are the same, and packing goes by panels.
func simple(e *ir.Expr) (*ir.Expr, error) {
	if e.Kind != ir.ExprSliceRows || e.Form == ir.Rows {
		return e, nil
	}
	x, err := simple(e.Args[0])
	if err != nil || x.Kind != ir.ExprPack {
		return e, err
	}
	if x, err = ir.Slice(x.Args[0], e.Lo, e.Hi); err != nil {
		return nil, err
	}
	return ir.PackAs(x, e.Form)
}

// blocks cuts e. A block of a packed weight is a run of units of one member.
func blocks(e *ir.Expr) ([]block, error) {
	total, err := Size(e)
	if err != nil {
		return nil, err
	}
	if e.Kind == ir.ExprPack && e.Form != ir.Rows {
		return unitBlocks(e)
	}
	if e.Form != ir.Rows {
		return []block{{0, e.Shape[0], 0, total}}, nil // stored or a slice of it: handed on whole
	}
	u, err := unitsOf(e)
	if err != nil {
		return nil, err
	}
	step := max(1, blockBytes/max(1, u.size))
	if e.Kind == ir.ExprUnrotate { // whole heads, so that no row is read twice
		hd := u.n / e.Heads
		step = (step + hd - 1) / hd * hd
	}
	if e.Kind == ir.ExprPack { // whole units likewise
		f, err := pack.Of(e.Args[0].Form)
		if err != nil {
			return nil, err
		}
		step = f.Units(step) * f.Unit
	}
	var all []block
	for lo := int64(0); lo < u.n; lo += step {
		hi := min(lo+step, u.n)
		all = append(all, block{lo, hi, lo * u.size, (hi - lo) * u.size})
	}
	return all, nil
}

func unitBlocks(e *ir.Expr) ([]block, error) {
	f, err := pack.Of(e.Form)
	if err != nil {
		return nil, err
	}
	unit, err := f.UnitBytes(e.Type, e.Shape[1])
	if err != nil {
		return nil, err
	}
	step := max(1, blockBytes/unit) * f.Unit
	var all []block
	base, off := int64(0), int64(0)
	for _, n := range e.Rows {
		for lo := int64(0); lo < n; lo += step {
			hi := min(lo+step, n)
			size := f.Units(hi-lo) * unit
			all = append(all, block{base + lo, base + hi, off, size})
			off += size
		}
		base += n
	}
	return all, nil
}

// evaluate returns the bytes of one block: a view, a buffer of the evaluator,
// or dst, which a packed block needs.
func (v *evaluator) evaluate(e *ir.Expr, b block, dst []byte) ([]byte, error) {
	switch {
	case e.Form == ir.Rows:
		return v.rows(e, b.lo, b.hi, 0)
	case e.Kind == ir.ExprPack:
		return dst, v.pack(e, b.lo, b.hi, dst)
	}
	return v.packedStored(e)
}

// packedStored is a stored packed weight, or whole members of one.
func (v *evaluator) packedStored(e *ir.Expr) ([]byte, error) {
	switch e.Kind {
	case ir.ExprStored:
		return v.stored(e)
	case ir.ExprSliceRows:
		data, err := v.packedStored(e.Args[0])
		if err != nil {
			return nil, err
		}
		f, err := pack.Of(e.Form)
		if err != nil {
			return nil, err
		}
		lo, size, err := f.Span(e.Type, e.Args[0].Rows, e.Shape[1], e.Lo, e.Hi)
		if err != nil {
			return nil, err
		}
		if lo+size > int64(len(data)) {
			return nil, fmt.Errorf("members of a packed weight end at byte %d of %d", lo+size, len(data))
		}
		return data[lo : lo+size], nil
	}
	return nil, fmt.Errorf("cannot evaluate packed expression %q", e.Kind)
}
