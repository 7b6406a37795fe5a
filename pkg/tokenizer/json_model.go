package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tessera-llm/tessera/internal/jsonscan"
)

// jsonModel is the model of a tokenizer.json. The large members are read
// without building JSON values.
type jsonModel struct {
	spec    modelSpec
	pieces  pieces
	entries int         // tokens of the model itself
	limit   int         // of ids
	rules   []mergeRule // resolved by resolve
	pairs   [][2][]byte // bpe, mostly parts of the file
	scores  []float64   // unigram
	unk     string      // bpe
	unkID   *int64      // unigram
	small   map[string][]byte
}

// readModel reads the model; size is that of the file.
func readModel(sc *jsonscan.Scanner, size int) (*jsonModel, error) {
	// A token takes at least six bytes of the file. Gaps in the ids are rare.
	m := &jsonModel{limit: size/4 + 1<<12, small: map[string][]byte{}, spec: modelSpec{Unk: -1}}
	vocabs := 0
	err := sc.Object(func(key string) error {
		switch key {
		case "vocab":
			vocabs++
			if sc.Peek() == '[' {
				return m.readScored(sc)
			}
			return m.readVocab(sc)
		case "merges":
			return m.readMerges(sc)
		}
		raw, err := sc.Raw()
		m.small[key] = raw
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := m.settings(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if vocabs == 0 {
		return nil, fmt.Errorf("model: no vocab")
	}
	return m, nil
}

// settings reads the small members.
func (m *jsonModel) settings() error {
	var kind string
	if raw := m.small["type"]; raw != nil {
		if err := json.Unmarshal(raw, &kind); err != nil {
			return fmt.Errorf("type: %w", err)
		}
	}
	scored := m.scores != nil
	switch kind {
	case "BPE":
		m.spec.Kind = modelBPE
	case "Unigram":
		m.spec.Kind = modelUnigram
	case "": // old files do not say
		if m.pairs == nil || scored {
			return fmt.Errorf("no type, and not the members of BPE")
		}
		m.spec.Kind = modelBPE
	default:
		return fmt.Errorf("type %q is not supported; known: BPE, Unigram", kind)
	}
	if scored != (m.spec.Kind == modelUnigram) {
		return fmt.Errorf("vocab of another kind than type %q wants", kind)
	}
	if m.spec.Kind == modelBPE && m.pairs == nil {
		return fmt.Errorf("no merges")
	}
	var dropout *float64
	var prefix, suffix, unk *string
	for _, x := range []struct {
		key string
		to  any
	}{
		{"dropout", &dropout}, {"continuing_subword_prefix", &prefix}, {"end_of_word_suffix", &suffix}, {"unk_token", &unk},
		{"unk_id", &m.unkID}, {"fuse_unk", &m.spec.FuseUnk}, {"byte_fallback", &m.spec.ByteFallback}, {"ignore_merges", &m.spec.IgnoreMerges},
	} {
		if raw := m.small[x.key]; !isNull(raw) {
			if err := json.Unmarshal(raw, x.to); err != nil {
				return fmt.Errorf("%s: %w", x.key, err)
			}
		}
	}
	switch {
	case dropout != nil && *dropout != 0:
		return fmt.Errorf("dropout %g: encoding would be random", *dropout)
	case prefix != nil && *prefix != "":
		return fmt.Errorf("continuing_subword_prefix %q is not supported", *prefix)
	case suffix != nil && *suffix != "":
		return fmt.Errorf("end_of_word_suffix %q is not supported", *suffix)
	}
	if unk != nil {
		m.unk = *unk
	}
	return nil
}

// readVocab reads {"piece": id}.
func (m *jsonModel) readVocab(sc *jsonscan.Scanner) error {
	return sc.Object(func(key string) error {
		raw, err := sc.Raw()
		if err != nil {
			return err
		}
		id, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return fmt.Errorf("vocab: id of %q is %.40s, want a whole number", key, raw)
		}
		m.entries++
		if err := m.pieces.set(id, key, Normal, m.limit); err != nil {
			return fmt.Errorf("vocab: %w", err)
		}
		return nil
	})
}

// readScored reads [["piece", score]].
func (m *jsonModel) readScored(sc *jsonscan.Scanner) error {
	m.scores = []float64{}
	return sc.Array(func(i int) error {
		var piece string
		var score float64
		n := 0
		err := sc.Array(func(k int) (err error) {
			n++
			if k == 0 {
				piece, err = sc.String()
				return err
			}
			raw, err := sc.Raw()
			if err == nil {
				score, err = strconv.ParseFloat(string(raw), 64)
			}
			return err
		})
		if err == nil && n != 2 {
			err = fmt.Errorf("vocab: entry %d has %d members, want 2", i, n)
		}
		if err != nil {
			return err
		}
		m.scores = append(m.scores, score)
		m.entries++
		return m.pieces.set(int64(i), piece, Normal, m.limit)
	})
}

// readMerges reads ["a b"] or [["a", "b"]].
func (m *jsonModel) readMerges(sc *jsonscan.Scanner) error {
	m.pairs = make([][2][]byte, 0, m.entries)
	return sc.Array(func(i int) error {
		var pair [2][]byte
		if sc.Peek() == '[' {
			n := 0
			err := sc.Array(func(k int) (err error) {
				n++
				if k < 2 {
					pair[k], err = rawString(sc)
					return err
				}
				return sc.Skip()
			})
			if err == nil && n != 2 {
				err = fmt.Errorf("merges: entry %d has %d members, want 2", i, n)
			}
			if err != nil {
				return err
			}
		} else {
			line, err := rawString(sc)
			if err != nil {
				return err
			}
			if bytes.HasPrefix(line, []byte("#version")) {
				return nil
			}
			a, b, ok := bytes.Cut(line, []byte(" "))
			if !ok || bytes.IndexByte(b, ' ') >= 0 {
				return fmt.Errorf("merges: entry %d, %q, is not two tokens", i, line)
			}
			pair = [2][]byte{a, b}
		}
		m.pairs = append(m.pairs, pair)
		return nil
	})
}

// rawString reads a string without copying it if nothing in it is escaped.
func rawString(sc *jsonscan.Scanner) ([]byte, error) {
	if sc.Peek() == '"' {
		raw, err := sc.Raw()
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(raw, '\\') < 0 {
			return raw[1 : len(raw)-1], nil
		}
		var s string
		err = json.Unmarshal(raw, &s)
		return []byte(s), err
	}
	s, err := sc.String()
	return []byte(s), err
}

// resolve turns texts into ids once the vocabulary has its index, and marks
// the unknown token and the byte tokens.
func (m *jsonModel) resolve(v *vocab, sp *spec) error {
	if m.unk != "" {
		id, ok := v.lookup(m.unk)
		if !ok {
			return fmt.Errorf("model: unk_token %q is not in the vocabulary", m.unk)
		}
		sp.Model.Unk = id
	}
	if m.unkID != nil {
		if *m.unkID < 0 || *m.unkID >= int64(m.entries) {
			return fmt.Errorf("model: unk_id %d, outside the vocabulary of %d", *m.unkID, m.entries)
		}
		sp.Model.Unk = int32(*m.unkID)
	}
	if id := sp.Model.Unk; id >= 0 {
		v.kinds[id] = Unknown | v.kinds[id]&addedOnly
	}
	if sp.Model.ByteFallback {
		for id := range v.ends {
			if _, ok := byteOf(v.piece(int32(id))); ok && v.kinds[id] == Normal {
				v.kinds[id] = Byte
			}
		}
	}
	if m.spec.Kind == modelUnigram {
		for len(m.scores) < v.size() { // added tokens are not tokens of the model
			m.scores = append(m.scores, 0)
		}
	}
	r := newResolver(v)
	r.rules = make([]mergeRule, 0, len(m.pairs))
	for i, p := range m.pairs {
		rule, err := r.rule(p[0], p[1])
		if err != nil {
			return fmt.Errorf("merges: entry %d: %w", i, err)
		}
		r.rules = append(r.rules, rule)
	}
	m.rules = r.rules
	m.pairs = nil
	return nil
}
