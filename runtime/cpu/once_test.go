package cpu

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// watched is the backend with its executables in reach.
type watched struct {
	Backend
	exes *[]*executable
}

type watchedDevice struct {
	backend.Device
	exes *[]*executable
}

func (w watched) Open(x backend.Weights, o backend.Options) (backend.Device, error) {
	d, err := w.Backend.Open(x, o)
	return watchedDevice{d, w.exes}, err
}

func (d watchedDevice) Compile(segment string, g *ir.Graph, max backend.Size) (backend.Executable, error) {
	e, err := d.Device.Compile(segment, g, max)
	if err == nil {
		*d.exes = append(*d.exes, e.(*executable))
	}
	return e, err
}

// TestWeightsAreReadOnce: a step of few tokens reads the bytes of every matrix once, a
// long one as often as its kernels make passes over the tokens: that depends on the number
// of tokens, not on that of the sessions.
func TestWeightsAreReadOnce(t *testing.T) {
	for _, tier := range kernel.Available() {
		t.Run(tier.String(), func(t *testing.T) {
			t.Setenv(kernel.TierEnv, tier.String())
			for _, typ := range []string{"keep", "q8_0"} {
				testReads(t, tier, typ)
			}
		})
	}
}

func testReads(t *testing.T, tier kernel.Tier, typ string) {
	var exes []*executable
	p := program(t, "war-and-peace", typ, convert.Options{})
	m, err := runtime.New(p, runtime.Options{Backend: watched{exes: &exes}, Threads: 2, MaxChunk: 1200, Context: 1200})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	read := func() (got, want int64) {
		for _, e := range exes {
			for _, s := range e.steps {
				g, ok := s.tasks[0].(*kernel.MatmulGroup)
				for i := 0; ok && i < len(g.Members); i++ {
					got += g.Members[i].Read()
					want += int64(len(g.Members[i].W.Data))
				}
			}
		}
		return got, want
	}
	// of spans of n tokens each; one row is wanted
	step := func(spans, n int) (got, want int64) {
		var batch []runtime.Append
		for range spans {
			batch = append(batch, runtime.Append{Session: newSession(t, m), IDs: ids(n)})
		}
		batch[0].Rows = []runtime.Row{{}}
		read()
		if _, err := m.Step(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		for _, a := range batch {
			if err := a.Session.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return read()
	}
	few, n := []int{1, 2, 3, 8, 15, 16, 32}, 1200
	if tier == kernel.Generic { // slow, and makes no passes
		few, n = []int{1, 16}, 24
	}
	for _, n := range few {
		if got, want := step(n, 1); got != want || want == 0 {
			t.Errorf("%s: a step of %d sessions reads %d bytes of weights, there are %d", typ, n, got, want)
		}
	}
	long, once := step(1, n)
	for _, spans := range []int{4, n / 4} {
		if got, _ := step(spans, n/spans); got != long {
			t.Errorf("%s: %d tokens read %d bytes of weights in %d spans, %d in one", typ, n, got, spans, long)
		}
	}
	if passes := float64(long) / float64(once); passes < 1 || passes > 10 || tier == kernel.AVX2 && passes < 2 {
		t.Errorf("%s: %d tokens read the weights %.2f times", typ, n, passes)
	}
}
