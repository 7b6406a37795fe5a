package backendtest

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// foretold checks that the backend says beforehand what m and st, a state that has grown
// in calls of tinyCall and shares nothing, take at least, that two states take twice as much, and
// that it refuses what Compile refuses and a sum that cannot be counted.
func (s *suite) foretold(i int, m *tiny, st backend.State) error {
	v := &s.variants[i]
	o := backend.Options{Threads: v.Threads, PartialBytes: v.PartialBytes}
	load := func(sessions, tokens int) backend.Load {
		l := backend.Load{Segments: []ir.Segment{{Name: "tiny", Kind: ir.KindModel, Graph: m.g}}, Max: backend.Size{Tokens: tokens, Rows: tokens},
			KV: plain, Sessions: sessions, Positions: st.Len()}
		for _, id := range m.g.Outputs {
			l.Buffers = append(l.Buffers, backend.Room{Type: m.g.Value(id).Type, Rows: tokens})
		}
		return l
	}
	one, err := v.Backend.Measure(s.weights, o, load(1, tinyCall))
	if err != nil {
		return err
	}
	two, err := v.Backend.Measure(s.weights, o, load(2, tinyCall))
	if err != nil {
		return err
	}
	_, none := v.Backend.Measure(s.weights, o, load(0, tinyCall))
	_, empty := v.Backend.Measure(s.weights, o, load(1, 0))
	_, many := v.Backend.Measure(s.weights, o, load(1<<60, tinyCall))
	held, stats := st.Memory().Own, m.exe.Stats()
	if one.States < held || two.States != 2*one.States || one.Arena < stats.Arena || one.Tables != stats.Tables || one.Buffers <= 0 {
		return fmt.Errorf("a state of %d positions takes %d bytes, the segment %+v; foretold are %+v, and %+v with two", st.Len(), held, stats, one, two)
	}
	return first(
		wantError("no sessions", none),
		wantError("calls of no tokens", empty),
		wantError("more bytes than can be counted", many),
	)
}
