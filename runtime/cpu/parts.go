package cpu

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// The bounds that a graph is checked against are those of what keeps its states: this
// compiles only while they are equal.
var (
	_ = [1]struct{}{}[kernel.MaxBase-ir.MaxBase]
	_ = [1]struct{}{}[kernel.MaxRow-ir.MaxRow]
)

// part is what a sequence keeps for one state of the graph.
type part interface {
	// Len is the number of positions of the sequence; SetLen sets it behind a run,
	// for which Reserve made room.
	Len() int
	SetLen(n int)
	Reserve(start, end int) error
	// Nearest is the longest length of at most n to which Truncate can go.
	Nearest(n int) int
	Truncate(n int)
	// Save, CanLoad and Load are about backend.StateData's Data and From.
	Save(dst []byte) ([]byte, int)
	CanLoad(src []byte, from, n int) error
	Load(src []byte, from, n int) error
	Memory() kernel.Memory
	// Release gives all memory back to the device's pool.
	Release()
	// Poison fills what lies behind position n with NaN: a test hook.
	Poison(n int)

	fork() part
	trim()
	// most is what an empty part takes at most while it grows to n positions in runs of
	// at most step: between two runs, within one, and what it leaves in the device's pool.
	most(n, step int) (rest, peak, left int64, err error)
}

// kvPart is a state of kind ir.KV.
type kvPart struct{ *kernel.KVCache }

func (p kvPart) fork() part { return kvPart{p.Fork()} }
func (p kvPart) trim()      { p.Trim(backend.Rewind) }

func (p kvPart) most(n, step int) (rest, peak, left int64, err error) {
	rest, peak, err = p.Most(n, step, backend.Rewind)
	return rest, peak, p.Left(n), err
}

// recurrentPart is a state of kind ir.Recurrent.
type recurrentPart struct{ *kernel.Recurrent }

func (p recurrentPart) fork() part { return recurrentPart{p.Fork()} }
func (p recurrentPart) trim()      { p.Trim() }

func (p recurrentPart) most(n, step int) (rest, peak, left int64, err error) {
	rest, peak = p.Most(n, step)
	return rest, peak, p.Left(), nil
}

// newPart makes what sp asks for, for up to maxPos positions.
func (d *device) newPart(sp *ir.State, kv codec.Pair, maxPos int) (part, error) {
	switch sp.Kind {
	case ir.KV:
		return d.newKV(sp, kv, maxPos)
	case ir.Recurrent:
		r, err := kernel.NewRecurrent(&d.chunks, int(sp.Base), int(sp.Row), maxPos, backend.Rewind)
		if err != nil {
			return nil, err
		}
		return recurrentPart{r}, nil
	}
	return nil, fmt.Errorf("no op of this device keeps a %s state", sp.Kind)
}

func (d *device) newKV(sp *ir.State, kv codec.Pair, maxPos int) (part, error) {
	window := 0
	if sp.Window < int64(maxPos) {
		window = int(sp.Window)
	}
	c, err := kernel.NewKVCache(&d.chunks, kv, kernel.KVShape{Heads: int(sp.Heads), KDim: int(sp.KDim), VDim: int(sp.VDim), Window: window, VOfK: sp.VOfK}, maxPos)
	if err != nil {
		return nil, err
	}
	return kvPart{c}, nil
}
