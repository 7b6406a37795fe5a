package cpu

import (
	"fmt"
	goruntime "runtime"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// TestForkBytes: a fork of 4,096 positions of llama-1b's shape allocates little
// beside the chunks that it shares, a thousand live ones too, and its first own
// position takes at most 2 MiB.
func TestForkBytes(t *testing.T) {
	const n, forks, most = 4096, 1000, 48 << 10 // a session's ids are the rest of 64 KiB
	opened, err := Backend{}.Open(scattered{}, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	var specs []*ir.State
	for l := range 16 {
		specs = append(specs, &ir.State{Name: fmt.Sprintf("kv.%d", l), Heads: 8, KDim: 64, VDim: 64})
	}
	parent, err := opened.NewState(specs, codec.Pair{K: codec.F16, V: codec.F16}, 2*n)
	if err != nil {
		t.Fatal(err)
	}
	grow(t, parent, specs, n)
	whole := parent.Memory().Own
	var before, after goruntime.MemStats
	all := make([]backend.State, forks)
	goruntime.ReadMemStats(&before)
	for i := range all {
		if all[i], err = parent.Fork(); err != nil {
			t.Fatal(err)
		}
	}
	goruntime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) / forks; took > most {
		t.Errorf("a fork allocates %d bytes, at most %d are allowed", took, most)
	}
	if m := all[7].Memory(); m.Own != 0 || m.Shared != whole {
		t.Errorf("a fork says it takes %+v of %d", m, whole)
	}
	grow(t, all[7], specs, n+1)
	if m := all[7].Memory(); m.Own <= 0 || m.Own > 2<<20 {
		t.Errorf("the first position of a fork takes %d bytes, at most 2 MiB are allowed", m.Own)
	}
	if m := parent.Memory(); m.Own != 0 || m.Shared != whole {
		t.Errorf("the parent of forks says it takes %+v of %d", m, whole)
	}
	for _, st := range all {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if m := parent.Memory(); m.Own != whole || m.Shared != 0 {
		t.Errorf("without forks the parent says it takes %+v of %d", m, whole)
	}
}

// grow makes st n positions long, as a run does that writes nothing.
func grow(t *testing.T, st backend.State, specs []*ir.State, n int) {
	t.Helper()
	s := st.(*state)
	if err := s.reserve(specs, n); err != nil {
		t.Fatal(err)
	}
	s.extend(specs, n)
}
