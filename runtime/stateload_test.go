package runtime_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	goruntime "runtime"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/statefile"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// TestDamagedStateFiles gives a session state files that were cut at every border
// of their parts or whose bytes were flipped at random, and states that say something else
// than those that were saved: each is loaded whole or refused with the session as it was; a
// damaged file is refused, and what is allocated is bounded by the file.
func TestDamagedStateFiles(t *testing.T) {
	for _, c := range []struct{ model, kv string }{{"qwen3-f32-tied", "f32"}, {"mistral-window-f32", "f16"}, {"qwen3-bf16-sharded", "q8_0/f16"}} {
		t.Run(c.model, func(t *testing.T) {
			ck, err := checkpoint.Open(testutil.Model(c.model))
			if err != nil {
				t.Fatal(err)
			}
			defer ck.Close()
			plan, err := convert.NewPlan(t.Context(), ck, convert.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := runtime.New(plan.Program(1), runtime.Options{Backend: cpu.Backend{}, Threads: 1, KVType: c.kv, Context: 64})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			damage(t, m, 23)
		})
	}
}

// damage gives a session of m the damaged files and states of another, which has n ids.
func damage(t *testing.T, m *runtime.Model, n int) {
	t.Helper()
	held, other := holding(t, m, n), holding(t, m, 9)
	path := filepath.Join(t.TempDir(), "state")
	saved := save(t, held)
	if err := statefile.Write(path, "", saved); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := save(t, other)
	// load loads what read returns and says whether it was taken.
	load := func(what string, read func() ([]backend.StateData, error)) bool {
		t.Helper()
		var m0, m1 goruntime.MemStats
		goruntime.ReadMemStats(&m0)
		states, err := read()
		if err == nil {
			err = other.State().Load(states)
		}
		goruntime.ReadMemStats(&m1)
		if n := m1.TotalAlloc - m0.TotalAlloc; n > uint64(16*len(file)+1<<20) {
			t.Errorf("%s: %d bytes allocated for a file of %d", what, n, len(file))
		}
		now := save(t, other)
		if err != nil {
			if !reflect.DeepEqual(now, before) {
				t.Fatalf("%s: refused (%v), but the session has changed", what, err)
			}
			return false
		}
		for i, d := range now {
			if d.Len != states[i].Len || !bytes.HasSuffix(states[i].Data, d.Data) {
				t.Fatalf("%s: taken, but state %s of the session is not the one that was given", what, d.Name)
			}
		}
		if err := other.State().Load(before); err != nil {
			t.Fatal(err)
		}
		return true
	}
	// give is load of a file.
	give := func(what string, data []byte) bool {
		t.Helper()
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return load(what, func() ([]backend.StateData, error) {
			f, err := statefile.Read(path)
			if err != nil {
				return nil, err
			}
			if !reflect.DeepEqual(f.States, saved) {
				t.Errorf("%s: read, but not what was written", what)
			}
			return f.States, nil
		})
	}
	if !give("the file as it is", file) {
		t.Fatal("the file as it is was refused")
	}
	border := 8 + int(binary.LittleEndian.Uint64(file))
	cuts := []int{0, 1, 7, 8, 9, border / 2, border - 1}
	for _, d := range saved {
		cuts = append(cuts, border, border+1, border+len(d.Data)/2, border+len(d.Data)-1)
		border += len(d.Data)
	}
	if border != len(file) {
		t.Fatalf("the parts of a file of %d bytes are %d", len(file), border)
	}
	for _, n := range cuts {
		if give(fmt.Sprintf("cut to %d of %d bytes", n, len(file)), file[:n]) {
			t.Errorf("a file cut to %d of %d bytes was taken", n, len(file))
		}
	}
	r := rand.New(rand.NewPCG(8, 5))
	head := border - sizes(saved)
	for i := range 100 {
		bad := bytes.Clone(file)
		within := len(bad)
		if i%2 == 0 {
			within = head
		}
		for range 1 + r.IntN(3) {
			bad[r.IntN(within)] ^= byte(1 + r.IntN(255))
		}
		give(fmt.Sprintf("flips %d", i), bad)
	}
	taken := 0
	for i := range 400 {
		bad := wrong(r, saved, i%2 == 0)
		if load(fmt.Sprintf("states %d", i), func() ([]backend.StateData, error) { return bad, nil }) {
			taken++
		}
	}
	if taken == 0 || taken == 400 {
		t.Errorf("%d of 400 wrong states were taken", taken)
	}
}

// wrong is states with other numbers, names and sizes, as a file may have them, or with other
// data, of which every byte may be any where they are rows.
func wrong(r *rand.Rand, states []backend.StateData, numbers bool) []backend.StateData {
	bad := slices.Clone(states)
	for i := range bad {
		bad[i].Data = bytes.Clone(bad[i].Data)
	}
	one := &bad[r.IntN(len(bad))]
	if !numbers {
		for range 1 + r.IntN(3) {
			if n := len(one.Data); n > 0 {
				one.Data[r.IntN(n)] ^= byte(1 + r.IntN(255))
			}
		}
		return bad
	}
	switch r.IntN(6) {
	case 0:
		one.From = r.IntN(one.Len + 1)
	case 1:
		one.Name += "0"
	case 2:
		one.Data = one.Data[:r.IntN(len(one.Data)+1)]
	case 3:
		one.Data = append(one.Data, make([]byte, 1+r.IntN(64))...)
	case 4:
		n := r.IntN(2 * (one.Len + 1))
		for i := range bad {
			bad[i].Len, bad[i].From = n, min(n, bad[i].From)
		}
	case 5:
		for i := range bad {
			bad[i].KV = "q4_0"
		}
	}
	return bad
}

func sizes(data []backend.StateData) (n int) {
	for _, d := range data {
		n += len(d.Data)
	}
	return n
}

// holding is a session of n ids.
func holding(t *testing.T, m *runtime.Model, n int) *runtime.Session {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i*i%37 + 1)
	}
	if err := s.Extend(context.Background(), ids); err != nil {
		t.Fatal(err)
	}
	return s
}

func save(t *testing.T, s *runtime.Session) []backend.StateData {
	t.Helper()
	data, err := s.State().Save(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return data
}
