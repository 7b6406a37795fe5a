package backendtest

import (
	"context"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// checkStateKinds: a kind of state that the backend does not keep is an error
// that names the state, never one of another kind; one that it keeps is empty,
// forks, and loads what it saved.
func checkStateKinds(s *suite, i int) error {
	for _, spec := range []*ir.State{
		{Name: "carry.3", Kind: ir.Recurrent, Base: 48, Row: 6},
		{Name: "latent.3", Heads: 1, KDim: 32, VDim: 16, VOfK: true},
	} {
		if err := checkKind(s.devices[i], spec); err != nil {
			return fmt.Errorf("a state %s: %w", spec.Name, err)
		}
	}
	// An unknown kind is always refused.
	st, err := s.devices[i].NewState([]*ir.State{{Name: "odd.3", Kind: ir.Recurrent + 100, Base: 4, Row: 4}}, plain, 8)
	if err == nil {
		st.Close()
	}
	return wantError("a state of an unknown kind", err, "odd.3")
}

func checkKind(d backend.Device, spec *ir.State) error {
	st, err := d.NewState([]*ir.State{spec}, plain, 8)
	if err != nil {
		return wantError("a state that is not kept", err, spec.Name)
	}
	defer st.Close()
	f, err := st.Fork()
	if err != nil {
		return err
	}
	defer f.Close()
	saved, err := f.Save(context.Background())
	if err != nil {
		return err
	}
	if len(saved) != 1 || saved[0].Name != spec.Name || saved[0].Len != 0 {
		return fmt.Errorf("an empty one is saved as %d states", len(saved))
	}
	return first(wantLen("a new one", st, 0), wantError("a rewind to the future", st.Truncate(1)), st.Load(saved), wantLen("loaded", st, 0))
}
