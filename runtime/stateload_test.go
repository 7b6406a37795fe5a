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
// of their parts and whose bytes were flipped at random: each is loaded whole or
// refused with the session as it was; what is allocated is bounded by the file.
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

// damage gives a session of m the damaged files of another, which has n ids.
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
	// give loads a file and says whether it was taken.
	give := func(what string, data []byte) bool {
		t.Helper()
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var m0, m1 goruntime.MemStats
		goruntime.ReadMemStats(&m0)
		f, err := statefile.Read(path)
		if err == nil {
			err = other.State().Load(f.States)
		}
		goruntime.ReadMemStats(&m1)
		if n := m1.TotalAlloc - m0.TotalAlloc; n > uint64(16*len(file)+1<<20) {
			t.Errorf("%s: %d bytes allocated for a file of %d", what, n, len(data))
		}
		now := save(t, other)
		if err != nil {
			if !reflect.DeepEqual(now, before) {
				t.Fatalf("%s: refused (%v), but the session has changed", what, err)
			}
			return false
		}
		for i, d := range now {
			if d.Len != f.Len || !bytes.HasSuffix(f.States[i].Data, d.Data) {
				t.Fatalf("%s: taken, but state %s of the session is not that of the file", what, d.Name)
			}
		}
		if err := other.State().Load(before); err != nil {
			t.Fatal(err)
		}
		return true
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
	taken := 0
	head := border - sizes(saved)
	for i := range 400 {
		bad := bytes.Clone(file)
		within := len(bad)
		if i%2 == 0 {
			within = head // most of the file is rows, of which every byte may be any
		}
		for range 1 + r.IntN(3) {
			bad[r.IntN(within)] ^= byte(1 + r.IntN(255))
		}
		if give(fmt.Sprintf("flips %d", i), bad) {
			taken++
		}
	}
	if taken == 0 || taken == 400 {
		t.Errorf("%d of 400 damaged files were taken", taken)
	}
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
