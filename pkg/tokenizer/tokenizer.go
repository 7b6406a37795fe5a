package tokenizer

import (
	"fmt"
	"sync"
)

// Tokenizer turns text into token ids and back. It may be used by several
// goroutines at once.
type Tokenizer struct {
	spec   spec
	v      *vocab
	rules  []mergeRule // bpe
	scores []float64   // spm, unigram

	model     model
	norm      []normalizer
	pre       []splitter
	added     *matcher         // in the text as it comes
	addedNorm *matcher         // in normalised text
	spelt     map[int32]string // added tokens that are matched, and decoded, in a normalised spelling
	hidden    map[int32]bool   // special tokens
	cutWords  bool

	mu   sync.Mutex
	free []*encoder
}

// build makes a working tokenizer of its parts.
func build(v *vocab, rules []mergeRule, scores []float64, sp spec) (*Tokenizer, error) {
	if err := sp.check(v); err != nil {
		return nil, err
	}
	t := &Tokenizer{spec: sp, v: v, rules: rules, scores: scores, added: newMatcher(), addedNorm: newMatcher()}
	for _, s := range sp.Norm {
		f, err := newNormalizer(s)
		if err != nil {
			return nil, fmt.Errorf("normalizer: %w", err)
		}
		t.norm = append(t.norm, f)
	}
	bytes := false
	for _, s := range sp.Pre {
		f, err := newSplitter(s, bytes)
		if err != nil {
			return nil, fmt.Errorf("pre-tokenizer: %w", err)
		}
		t.pre = append(t.pre, f)
		bytes = bytes || s.Op == opByteLevel
	}
	if bytes != sp.Model.ByteLevel {
		return nil, fmt.Errorf("model and pre-tokenizer disagree about byte-level symbols")
	}
	if bytes && sp.Model.Kind != modelBPE {
		return nil, fmt.Errorf("a byte-level pre-tokenizer with model %q is not supported", sp.Model.Kind)
	}
	if err := t.buildModel(); err != nil {
		return nil, err
	}
	t.cutWords = sp.Model.Kind == modelSPM
	if b, ok := t.model.(*bpe); ok {
		t.cutWords = b.cuts != nil
	}
	return t, t.buildAdded()
}

func (t *Tokenizer) buildModel() (err error) {
	switch t.spec.Model.Kind {
	case modelBPE:
		t.model, err = newBPE(t.v, t.rules, &t.spec.Model)
	case modelSPM:
		scores := make([]float32, len(t.scores))
		for i, x := range t.scores {
			scores[i] = float32(x)
		}
		t.model, err = newSPM(t.v, scores)
	case modelUnigram:
		t.model, err = newUnigram(t.v, t.scores, &t.spec.Model)
	}
	return err
}

// buildAdded fills the two matchers. Tokens that are matched in normalised
// text are normalised themselves.
func (t *Tokenizer) buildAdded() error {
	t.hidden = map[int32]bool{}
	for i := range t.spec.Added {
		a := &t.spec.Added[i]
		if a.Special {
			t.hidden[a.ID] = true
		}
		if !a.Normalized {
			t.added.add(a.Content, a)
			continue
		}
		pattern := text{s: a.Content}
		for _, f := range t.norm {
			var err error
			if pattern, err = f(pattern); err != nil {
				return fmt.Errorf("added token %q: %w", a.Content, err)
			}
		}
		t.addedNorm.add(pattern.s, a)
		if pattern.s != a.Content {
			if t.spelt == nil {
				t.spelt = map[int32]string{}
			}
			t.spelt[a.ID] = pattern.s
		}
	}
	return nil
}

// Size is one more than the highest id; ids below it may be unassigned.
func (t *Tokenizer) Size() int { return t.v.size() }

// Piece returns the text of a token as the vocabulary spells it and what kind
// it is; ok is false for an id that is out of range or unassigned.
func (t *Tokenizer) Piece(id int32) (piece string, kind Kind, ok bool) {
	if id < 0 || int(id) >= t.v.size() || t.v.kinds[id] == Unassigned {
		return "", Unassigned, false
	}
	return t.v.piece(id), t.v.kind(id), true
}

// TokenID finds a token by its piece.
func (t *Tokenizer) TokenID(piece string) (id int32, ok bool) { return t.v.lookup(piece) }

// BOS is the token that begins a text, if the source names one.
func (t *Tokenizer) BOS() (id int32, ok bool) { return t.spec.BOS, t.spec.BOS >= 0 }

// EOS is the token that ends a text, if the source names one.
func (t *Tokenizer) EOS() (id int32, ok bool) { return t.spec.EOS, t.spec.EOS >= 0 }

// AddBOS tells whether AddSpecial begins a text with BOS.
func (t *Tokenizer) AddBOS() bool {
	return t.spec.BOS >= 0 && len(t.spec.Prefix) > 0 && t.spec.Prefix[0] == t.spec.BOS
}

// AddEOS tells whether AddSpecial ends a text with EOS.
func (t *Tokenizer) AddEOS() bool {
	n := len(t.spec.Suffix)
	return t.spec.EOS >= 0 && n > 0 && t.spec.Suffix[n-1] == t.spec.EOS
}

// SpecialToken is a token that is matched as a whole in text.
type SpecialToken struct {
	ID    int32
	Piece string
	Kind  Kind
}

// Special lists the control, user-defined and unknown tokens by id.
func (t *Tokenizer) Special() []SpecialToken {
	var out []SpecialToken
	for id := range t.v.kinds {
		k := t.v.kind(int32(id))
		if k == Control || k == UserDefined || k == Unknown {
			out = append(out, SpecialToken{int32(id), t.v.piece(int32(id)), k})
		}
	}
	return out
}
