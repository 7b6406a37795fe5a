package backendtest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// forgetful is the reference with a fault in its states.
type forgetful struct {
	reference.Backend
	fault string
}

type forgetfulDevice struct {
	backend.Device
	fault string
}

type forgetfulExe struct {
	backend.Executable
	fault string
}

type forgetfulState struct {
	backend.State
	fault string
}

func (b forgetful) Open(w backend.Weights, o backend.Options) (backend.Device, error) {
	d, err := b.Backend.Open(w, o)
	return forgetfulDevice{d, b.fault}, err
}

func (d forgetfulDevice) Compile(segment string, g *ir.Graph, n backend.Size) (backend.Executable, error) {
	e, err := d.Device.Compile(segment, g, n)
	return forgetfulExe{e, d.fault}, err
}

func (d forgetfulDevice) NewState(states []*ir.State, kv codec.Pair, n int) (backend.State, error) {
	st, err := d.Device.NewState(states, kv, n)
	return forgetfulState{st, d.fault}, err
}

func (e forgetfulExe) Run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	batch = slices.Clone(batch)
	for i := range batch {
		st := batch[i].State.(forgetfulState)
		batch[i].State = st.State
		if e.fault == "a base that is lost at the end of a chunk" && batch[i].Rows == 64 {
			defer nudge(func(int, int) bool { return true })(nil, out)
		}
	}
	return e.Executable.Run(ctx, batch, in, out)
}

func (s forgetfulState) Fork() (backend.State, error) {
	f, err := s.State.Fork()
	if s.fault == "a fork without the last position" && err == nil && f.Len() > 0 {
		err = f.Truncate(f.Len() - 1)
	}
	return forgetfulState{f, s.fault}, err
}

func (s forgetfulState) Truncate(n int) error {
	if s.fault == "a rewind that is refused" && n > 0 && n < s.Len() {
		return &backend.NotHeldError{State: "conv.1", Len: n}
	}
	return s.State.Truncate(n)
}

func (s forgetfulState) Save(ctx context.Context) ([]backend.StateData, error) {
	all, err := s.State.Save(ctx)
	for i := range all {
		if s.fault == "a state saved without its base" && all[i].Name == "conv.1" {
			clear(all[i].Data)
		}
	}
	return all, err
}

// TestPlantedRecurrent: faults in recurrent states are found, and named for what
// they are.
func TestPlantedRecurrent(t *testing.T) {
	for fault, want := range map[string]string{
		"": "",
		"a base that is lost at the end of a chunk": "calls of 64",
		"a fork without the last position":          "a fork 0 back",
		"a rewind that is refused":                  "a fork 64 back",
		"a state saved without its base":            "loaded",
	} {
		s, err := newSuite(forgetful{fault: fault}, Budget{Target: target.CPU})
		if err != nil {
			t.Fatal(err)
		}
		err = s.recurrent(0, 64, plain)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", fault, err, want)
		}
		s.close()
	}
}
