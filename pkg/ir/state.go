package ir

import (
	"fmt"
	"strings"
)

// stateKinds are the kinds by their names in text and files.
var stateKinds = [...]string{KV: "kv", Recurrent: "recurrent"}

func (k StateKind) String() string {
	if int(k) < len(stateKinds) {
		return stateKinds[k]
	}
	return fmt.Sprintf("StateKind(%d)", uint8(k))
}

// ParseStateKind is the inverse of String.
func ParseStateKind(s string) (StateKind, error) {
	for k, name := range stateKinds {
		if name == s {
			return StateKind(k), nil
		}
	}
	return 0, fmt.Errorf("unknown kind %.20q of a state: want %s", s, strings.Join(stateKinds[:], " or "))
}

// stateField is a number of a state in text. A zero is not written where zero
// means "none".
type stateField struct {
	name string
	at   func(*State) *int64
	kind StateKind
	none bool
	most int64
}

// Bounds of a recurrent state, in numbers: of its base, and of a row, of which 64 are
// kept. Backends allocate both.
const (
	MaxBase = 1 << 26
	MaxRow  = MaxBase / 64
)

var stateFields = []stateField{
	{"heads", func(s *State) *int64 { return &s.Heads }, KV, false, MaxChannels},
	{"k", func(s *State) *int64 { return &s.KDim }, KV, false, 1 << 16},
	{"v", func(s *State) *int64 { return &s.VDim }, KV, false, 1 << 16},
	{"window", func(s *State) *int64 { return &s.Window }, KV, true, MaxChannels},
	{"base", func(s *State) *int64 { return &s.Base }, Recurrent, false, MaxBase},
	{"row", func(s *State) *int64 { return &s.Row }, Recurrent, false, MaxRow},
}

// properties is the state's line behind its name: "heads=2 k=64 v=64
// window=512", "heads=1 k=576 v=512 of=k", "kind=recurrent base=4096 row=130".
func (s *State) properties() string {
	var list []string
	if s.Kind != KV {
		list = append(list, "kind="+s.Kind.String())
	}
	for _, f := range stateFields {
		if v := *f.at(s); v != 0 || f.kind == s.Kind && !f.none {
			list = append(list, fmt.Sprintf("%s=%d", f.name, v))
		}
	}
	if s.VOfK {
		list = append(list, "of=k")
	}
	return strings.Join(list, " ")
}

// stateProperty reads one of them and returns its name.
func (s *scanner) stateProperty(st *State) (string, error) {
	key, err := s.word()
	if err != nil {
		return key, err
	}
	if err := s.expect('='); err != nil {
		return key, err
	}
	for _, f := range stateFields {
		if f.name == key {
			*f.at(st), err = s.int()
			return key, err
		}
	}
	w, err := s.word()
	if err != nil {
		return key, err
	}
	switch key {
	case "kind":
		st.Kind, err = ParseStateKind(w)
		return key, err
	case "of":
		if w != "k" {
			return "", fmt.Errorf("v is of %q, want k", w)
		}
		st.VOfK = true
		return key, nil
	}
	return "", fmt.Errorf("unknown property %q of a state", key)
}

// check is rule V9.
func (s *State) check() error {
	for _, f := range stateFields {
		v, most := *f.at(s), f.most
		switch {
		case f.kind != s.Kind && v != 0:
			return fmt.Errorf("a %s state has no %s", s.Kind, f.name)
		case v < 0, v > most, v == 0 && f.kind == s.Kind && !f.none:
			return fmt.Errorf("%s is %d, want 1 to %d", f.name, v, most)
		}
	}
	switch {
	case int(s.Kind) >= len(stateKinds):
		return fmt.Errorf("unknown kind %d", s.Kind)
	case s.VOfK && (s.Kind != KV || s.VDim > s.KDim):
		return fmt.Errorf("v cannot be the first %d channels of a k of %d", s.VDim, s.KDim)
	}
	return nil
}
