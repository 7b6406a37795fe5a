package backendtest

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// light says less, or otherwise, than its device takes.
type light struct {
	backend.Backend
	change func(f *backend.Footprint, l backend.Load)
}

func (b light) Measure(w backend.Weights, o backend.Options, l backend.Load) (backend.Footprint, error) {
	f, err := b.Backend.Measure(w, o, l)
	b.change(&f, l)
	return f, err
}

// TestPlantedMemory: a backend whose sum is too small is found.
func TestPlantedMemory(t *testing.T) {
	for what, change := range map[string]func(f *backend.Footprint, l backend.Load){
		"":                        func(*backend.Footprint, backend.Load) {},
		"a byte less of states":   func(f *backend.Footprint, _ backend.Load) { f.States-- },
		"states of one session":   func(f *backend.Footprint, l backend.Load) { f.States /= int64(max(1, l.Sessions)) },
		"no buffers":              func(f *backend.Footprint, _ backend.Load) { f.Buffers = 0 },
		"tables that are not all": func(f *backend.Footprint, _ backend.Load) { f.Tables++ },
	} {
		s, err := newSuite(light{reference.Backend{}, change}, Budget{Target: target.CPU})
		if err != nil {
			t.Fatal(err)
		}
		err = checkStateErrors(s, 0)
		if found := err != nil && strings.Contains(err.Error(), "foretold"); found != (what != "") {
			t.Errorf("%q: %v", what, err)
		}
		s.close()
	}
}
