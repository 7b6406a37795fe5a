package backendtest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/runtime/backend"
)

// checkSaveLoad: a loaded state goes on as the saved one; what does not fit is
// refused, whichever of its states it is that does not, and nothing is loaded.
func checkSaveLoad(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	ids := tinyIDs(20)
	want, err := m.fresh(ids, 8)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.feed(st, ids[:12], 8); err != nil {
		return err
	}
	saved, err := st.Save(context.Background())
	if err != nil {
		return err
	}
	l, err := m.state()
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Load(saved); err != nil {
		return err
	}
	y, err := m.feed(l, ids[12:], 8)
	if err != nil {
		return err
	}
	if err := first(same("a loaded state", y, want[12*tinyVocab:]), wantLen("a loaded state", l, 20)); err != nil {
		return err
	}
	for at := range saved {
		for what, spoil := range spoils {
			bad := spoil(slices.Clone(saved), at)
			what := fmt.Sprintf("saved state %d of %d %s", at, len(saved), what)
			for _, held := range []int{0, 7} {
				if err := m.refusesLoad(what, bad, ids, held, want); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// spoils make a saved state one that must be refused, at each of its parts.
var spoils = map[string]func(d []backend.StateData, i int) []backend.StateData{
	"is missing":         func(d []backend.StateData, i int) []backend.StateData { return slices.Delete(d, i, i+1) },
	"has another name":   func(d []backend.StateData, i int) []backend.StateData { d[i].Name = "kv.9"; return d },
	"is there twice":     func(d []backend.StateData, i int) []backend.StateData { d[i] = d[(i+1)%len(d)]; return d },
	"is one too many":    func(d []backend.StateData, i int) []backend.StateData { return append(d, d[i]) },
	"has another codec":  func(d []backend.StateData, i int) []backend.StateData { d[i].KV = "f33"; return d },
	"has another length": func(d []backend.StateData, i int) []backend.StateData { d[i].Len--; return d },
	"begins elsewhere":   func(d []backend.StateData, i int) []backend.StateData { d[i].From++; return d },
	"begins before 0":    func(d []backend.StateData, i int) []backend.StateData { d[i].From = -1; return d },
	"ends early":         func(d []backend.StateData, i int) []backend.StateData { d[i].Data = d[i].Data[1:]; return d },
	"ends in the middle": func(d []backend.StateData, i int) []backend.StateData {
		d[i].Data = d[i].Data[:len(d[i].Data)/2]
		return d
	},
	"is empty": func(d []backend.StateData, i int) []backend.StateData { d[i].Data = nil; return d },
	"ends late": func(d []backend.StateData, i int) []backend.StateData {
		d[i].Data = append(bytes.Clone(d[i].Data), 0)
		return d
	},
	"has a length below 0": func(d []backend.StateData, i int) []backend.StateData { return allLong(d, -1) },
	"is too long":          func(d []backend.StateData, i int) []backend.StateData { return allLong(d, tinyContext+1) },
	"is very long":         func(d []backend.StateData, i int) []backend.StateData { return allLong(d, math.MaxInt) },
}

func allLong(d []backend.StateData, n int) []backend.StateData {
	for i := range d {
		d[i].Len = n
	}
	return d
}

// refusesLoad checks that a state of "held" positions refuses bad and goes on
// as if it had never seen it.
func (m *tiny) refusesLoad(what string, bad []backend.StateData, ids []int32, held int, want []float32) error {
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.feed(st, ids[:held], 8); err != nil {
		return err
	}
	what = fmt.Sprintf("%s, into one of %d positions", what, held)
	if err := first(wantError(what, st.Load(bad)), wantLen(what, st, held)); err != nil {
		return err
	}
	y, err := m.feed(st, ids[held:], 8)
	if err != nil {
		return fmt.Errorf("%s, then: %w", what, err)
	}
	return same(what, y, want[held*tinyVocab:])
}
