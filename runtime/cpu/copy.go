package cpu

import (
	"fmt"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// copyRows is the kernel of one value of a boundary: out = x, plain f32, an item per row.
type copyRows struct{ x, out kernel.Act }

var _ kernel.Task = (*copyRows)(nil)

func (t *copyRows) Prepare() error {
	if t.x.S != t.out.S || t.x.C != t.out.C {
		return fmt.Errorf("copy of [%d, %d] to [%d, %d]", t.x.S, t.x.C, t.out.S, t.out.C)
	}
	return nil
}

func (t *copyRows) Items() int   { return t.x.S }
func (t *copyRows) Scratch() int { return 0 }

func (t *copyRows) Run(lo, hi int, _ []byte) {
	copy(t.out.F[lo*t.out.C:hi*t.out.C], t.x.F[lo*t.x.C:hi*t.x.C])
}
