package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// TestTruncateFloor: whatever runs, trims, rewinds, forks and loads came before, a state
// goes back to 0, to the borders of its runs since the last trim, and to all lengths from
// its floor on, as backend.State defines it.
func TestTruncateFloor(t *testing.T) {
	dev, err := Backend{}.Open(scattered{}, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	specs := []*ir.State{{Name: "all", Heads: 1, KDim: 4, VDim: 4}, {Name: "window", Heads: 1, KDim: 4, VDim: 4, Window: 20},
		{Name: "wide", Heads: 1, KDim: 4, VDim: 4, Window: 300}, {Name: "conv", Kind: ir.Recurrent, Base: 4, Row: 2}}
	kv := codec.Pair{K: codec.F32, V: codec.F32}
	const most = 3000
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		fresh := func() backend.State {
			st, err := dev.NewState(specs, kv, most)
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
		st := fresh()
		floor, borders := 0, []int{}
		for range 60 {
			n := st.Len()
			switch what := r.IntN(10); {
			case what < 5 && n < most:
				end := min(most, n+1+r.IntN([]int{1, 30, 200, 700}[r.IntN(4)]))
				grow(t, st, specs, end)
				floor, borders = max(floor, end-backend.Rewind), append(borders, n, end)
			case what < 7:
				st.Trim()
				borders = borders[:0]
			case what < 8:
				f, err := st.Fork()
				if err != nil {
					t.Fatal(err)
				}
				_ = st.Close()
				st = f
			case what < 9:
				to := st.(*state).nearest(r.IntN(n + 1))
				if r.IntN(2) == 0 {
					to = min(n, floor+r.IntN(backend.Rewind+1))
				}
				if err := st.Truncate(to); err != nil {
					t.Fatal(err)
				}
				floor = min(floor, to)
				borders = slices.DeleteFunc(borders, func(b int) bool { return b > to })
			default:
				data, err := st.Save(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				_ = st.Close()
				st = fresh()
				if err := st.Load(data); err != nil {
					t.Fatal(err)
				}
				floor, borders = n, borders[:0]
			}
			for n := floor; n <= st.Len(); n++ {
				borders = append(borders, n)
			}
			for _, n := range append(borders, 0) {
				if got := st.(*state).nearest(n); got != n {
					t.Fatalf("seed %d: a state of %d positions with its floor at %d does not go back to %d, nearest is %d", seed, st.Len(), floor, n, got)
				}
			}
			borders = borders[:len(borders)-(st.Len()-floor+1)]
		}
		_ = st.Close()
	}
}
