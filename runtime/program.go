package runtime

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Program is everything a backend needs to run a model.
type Program struct {
	Segments []ir.Segment // in order of execution
	Weights  backend.Weights
	Meta     Meta
	// TextBytes is what tokenizer and chat templates take, about, when they are loaded.
	TextBytes int64
	// Close, when set, releases mappings behind Weights. Who owns the program
	// calls it; a second call must be harmless.
	Close func() error
}

// Meta is what users of a model need to know beside its graphs.
type Meta = format.Meta

// Sampling is generation_config's part of Meta: defaults for a sampler.
type Sampling = format.Sampling

// Check tells whether the segments fit together: every input is external or
// made by an earlier segment, with equal types.
func (p *Program) Check() error {
	if len(p.Segments) == 0 {
		return fmt.Errorf("program without segments")
	}
	made := map[string]ir.Type{}
	names := map[string]bool{}
	states := map[string]string{}
	for _, s := range p.Segments {
		if names[s.Name] || s.Name == "" {
			return fmt.Errorf("two segments are called %q", s.Name)
		}
		names[s.Name] = true
		for _, id := range s.Graph.Inputs {
			v := s.Graph.Value(id)
			t, ok := made[v.Name]
			if !ok && ir.ExternalByName(v.Name) == nil {
				return fmt.Errorf("segment %s: input %s is made by no earlier segment", s.Name, v.Name)
			}
			if ok && !t.Equal(v.Type) {
				return fmt.Errorf("segment %s: input %s is %s, an earlier segment makes %s", s.Name, v.Name, v.Type, t)
			}
		}
		for _, id := range s.Graph.Outputs {
			v := s.Graph.Value(id)
			if _, dup := made[v.Name]; dup || ir.ExternalByName(v.Name) != nil {
				return fmt.Errorf("segment %s: output %s exists already", s.Name, v.Name)
			}
			made[v.Name] = v.Type
		}
		for _, st := range s.Graph.States {
			if other, dup := states[st.Name]; dup {
				return fmt.Errorf("segments %s and %s both hold state %s", other, s.Name, st.Name)
			}
			states[st.Name] = s.Name
		}
	}
	return nil
}

// States lists the states of all segments in order.
func (p *Program) States() []*ir.State {
	var all []*ir.State
	for _, s := range p.Segments {
		all = append(all, s.Graph.States...)
	}
	return all
}
