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

// TestWeightsAreReadOnce: a step reads the bytes of every matrix once, whatever
// the number of sessions in it.
func TestWeightsAreReadOnce(t *testing.T) {
	for _, typ := range []string{"keep", "q8_0"} {
		var exes []*executable
		p := program(t, "war-and-peace", typ, convert.Options{})
		m, err := runtime.New(p, runtime.Options{Backend: watched{exes: &exes}, Threads: 2, MaxChunk: 64})
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
		for _, n := range []int{1, 2, 3, 8, 15, 16} {
			var batch []runtime.Append
			for i := range n {
				batch = append(batch, runtime.Append{Session: newSession(t, m), IDs: ids(i + 1)[i:], Rows: []runtime.Row{{}}})
			}
			read()
			if _, err := m.Step(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			if got, want := read(); got != want || want == 0 {
				t.Errorf("%s: a step of %d sessions reads %d bytes of weights, there are %d", typ, n, got, want)
			}
		}
	}
}
