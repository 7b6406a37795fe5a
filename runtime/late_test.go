package runtime_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backendtest"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// lateSteps makes the same steps of three sessions on a device that is late and
// fails at the given run, each again after an error. It returns the logits and the
// number of errors.
func lateSteps(t *testing.T, failAt int) (all []float32, failures int) {
	t.Helper()
	m, err := runtime.New(tinyProgram(t, convert.Options{DecoderParts: 2}), runtime.Options{
		Backend: backendtest.Late{Inner: cpu.Backend{}, Delay: 50 * time.Microsecond, FailAt: failAt}, Threads: 1, MaxChunk: 32, MaxRows: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var sessions [3]*runtime.Session
	for i := range sessions {
		sessions[i] = newSession(t, m)
	}
	for step := 0; step < 4; {
		var batch []runtime.Append
		var said [3][]float32
		for i, s := range sessions {
			batch = append(batch, runtime.Append{Session: s, IDs: walk[step : step+1+i], Rows: []runtime.Row{{At: int32(i)}},
				Logits: func(_ int, l []float32, _ int) error { said[i] = slices.Clone(l); return nil }})
		}
		out, err := m.Step(t.Context(), batch)
		if err != nil {
			if failures++; !errors.Is(err, backendtest.ErrLate) || out != nil {
				t.Fatalf("run %d fails: %v, %v", failAt, err, out)
			}
			for i, s := range sessions {
				if want := step * (1 + i); s.Len() != want || s.State().Len() != want {
					t.Fatalf("run %d fails: session %d has %d ids and %d positions, want %d", failAt, i, s.Len(), s.State().Len(), want)
				}
			}
			continue
		}
		for i := range out {
			if out[i].Err != nil || out[i].Tops[0].Logits[0] != slices.Max(said[i]) {
				t.Fatalf("run %d fails: %+v", failAt, out[i])
			}
			all = append(all, said[i]...)
		}
		step++
	}
	return all, failures
}

// TestLate: steps on a device that is late are those of one that is not, and
// whichever of their runs fails, every session is as before the step.
func TestLate(t *testing.T) {
	want, failures := lateSteps(t, 0)
	if failures > 0 {
		t.Fatalf("%d failures", failures)
	}
	m := stepModel(t, runtime.Options{Threads: 1})
	s := newSession(t, m)
	var now []float32
	for step := range 4 {
		if _, err := m.Step(t.Context(), []runtime.Append{{Session: s, IDs: walk[step : step+1], Rows: []runtime.Row{{}},
			Logits: func(_ int, l []float32, _ int) error { now = append(now, l...); return nil }}}); err != nil {
			t.Fatal(err)
		}
	}
	for step := range 4 {
		const v = 256
		if !bitsEqual(want[step*3*v:][:v], now[step*v:][:v]) {
			t.Errorf("step %d: other logits on a device that is late", step)
		}
	}
	failed := 0
	for failAt := 1; ; failAt++ {
		got, failures := lateSteps(t, failAt)
		if !bitsEqual(got, want) {
			t.Errorf("run %d failed: other logits when done again", failAt)
		}
		if failed += failures; failures == 0 {
			break // there are fewer runs than that
		}
	}
	if failed < 4*5 { // four steps of embed, two decoders, logits and topk
		t.Errorf("%d runs failed", failed)
	}
}
