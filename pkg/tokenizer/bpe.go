package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// model turns a word into symbols, m.syms, each with the id of a token.
// Symbols of one word may share bytes: the byte tokens of a fused unknown.
type model interface {
	word(m *merger, w string) error
	// cut tells whether no token reaches over the boundary before the
	// metaspace that follows r, so that a word may be cut there.
	cut(r rune) bool
}

// metaspace is U+2581, which stands for a blank in SentencePiece vocabularies.
const metaspace = "\u2581"

// bpe merges by rank.
type bpe struct {
	v      *vocab
	merges mergeTable
	spec   *modelSpec
	bytes  [256]int32    // byte-level: token of each byte; else of <0xXX>
	all    bool          // no byte lacks a token
	low    [0x800]int32  // tokens of the first characters, -1 for none
	first  []uint32      // byte-level: rank+1 of pairs of byte tokens, 256 × 256
	rules  []mergeRule   // by rank
	cuts   map[rune]bool // characters before a metaspace inside a token; nil: do not cut
}

func newBPE(v *vocab, rules []mergeRule, spec *modelSpec) (*bpe, error) {
	if err := checkRules(rules, v); err != nil {
		return nil, err
	}
	b := &bpe{v: v, merges: newMergeTable(rules), spec: spec, rules: rules}
	if spec.ByteLevel {
		b.all = true
		for i := range b.bytes {
			id, ok := v.lookup(string(byteRune[i]))
			if !ok {
				b.all = false
			}
			b.bytes[i] = id
		}
		if spec.ByteFallback && !b.all {
			return nil, fmt.Errorf("byte-level vocabulary with byte fallback that lacks some bytes: not supported")
		}
		b.first = make([]uint32, 1<<16)
		var byID = map[int32]int{}
		for i, id := range b.bytes {
			if id >= 0 {
				byID[id] = i
			}
		}
		for rank, r := range rules {
			x, okx := byID[r.a]
			y, oky := byID[r.b]
			if okx && oky {
				b.first[x<<8|y] = uint32(rank + 1)
			}
		}
		return b, nil
	}
	if spec.ByteFallback {
		b.bytes, b.all = v.byteTokens()
	}
	for r := range b.low {
		b.low[r] = -1
		if id, ok := v.plain(string(rune(r))); ok {
			b.low[r] = id
		}
	}
	b.findCuts()
	return b, nil
}

// findCuts collects the characters that a merge joins with a metaspace after
// them. Merges of tokens that stand for other text than their own forbid cuts.
func (b *bpe) findCuts() {
	if _, ok := b.v.lookup(metaspace); !ok || b.spec.IgnoreMerges {
		return
	}
	cuts := map[rune]bool{}
	for _, r := range b.rules {
		for _, id := range [2]int32{r.a, r.b} {
			if k := b.v.kind(id); k == Byte || id == b.spec.Unk {
				return
			}
		}
		if strings.HasPrefix(b.v.piece(r.b), metaspace) {
			last, _ := utf8.DecodeLastRuneInString(b.v.piece(r.a))
			cuts[last] = true
		}
	}
	b.cuts = cuts
}

func (b *bpe) cut(r rune) bool { return b.cuts != nil && !b.cuts[r] }

func (b *bpe) pair(x, y sym) (uint32, int32) {
	if x.id < 0 || y.id < 0 {
		return noRank, -1
	}
	return b.merges.find(x.id, y.id)
}

func (b *bpe) word(m *merger, w string) error {
	m.syms = m.syms[:0]
	if b.spec.IgnoreMerges || b.spec.WholeLines && strings.Trim(w, "\n") == "" {
		if id, ok := b.whole(m, w); ok {
			m.syms = append(m.syms, sym{id, 0, int32(len(w))})
			return nil
		}
	}
	if b.spec.ByteLevel {
		if len(w) == 2 && b.all { // the commonest case after one byte
			x, y := w[0], w[1]
			if r := b.first[int(x)<<8|int(y)]; r != 0 {
				m.syms = append(m.syms, sym{b.rules[r-1].id, 0, 2})
				return nil
			}
			m.syms = append(m.syms, sym{b.bytes[x], 0, 1}, sym{b.bytes[y], 1, 1})
			return nil
		}
		b.byteSymbols(m, w)
	} else {
		b.charSymbols(m, w)
	}
	m.run(b.pair)
	return nil
}

// whole looks a word up as a token.
func (b *bpe) whole(m *merger, w string) (int32, bool) {
	if !b.spec.ByteLevel {
		return b.v.plain(w)
	}
	m.buf = appendMapped(m.buf[:0], w)
	id, ok := b.v.lookupBytes(m.buf)
	return id, ok && b.v.isPlain(id)
}

// byteSymbols starts a word of single bytes.
func (b *bpe) byteSymbols(m *merger, w string) {
	u := unknowns{b: b, m: m}
	for i := 0; i < len(w); i++ {
		if id := b.bytes[w[i]]; id >= 0 {
			u.flush()
			m.syms = append(m.syms, sym{id, int32(i), 1})
		} else {
			u.add(i, 1)
		}
	}
	u.flush()
}

// charSymbols starts a word of characters; one that is no token becomes its
// bytes, or the unknown token, or nothing if the model has neither.
func (b *bpe) charSymbols(m *merger, w string) {
	u := unknowns{b: b, m: m}
	for i := 0; i < len(w); {
		r, n := uclass.Rune(w, i)
		id := int32(-1)
		if r < rune(len(b.low)) {
			id = b.low[r]
		} else if x, ok := b.v.plain(w[i : i+n]); ok {
			id = x
		}
		switch {
		case id >= 0:
			u.flush()
			m.syms = append(m.syms, sym{id, int32(i), int32(n)})
		case b.spec.ByteFallback && b.hasBytes(w[i:i+n]):
			// An unknown that waits stays behind these bytes, as in the
			// tokenizers package.
			for k := i; k < i+n; k++ {
				m.syms = append(m.syms, sym{b.bytes[w[k]], int32(k), 1})
			}
		default:
			u.add(i, n)
		}
		i += n
	}
	u.flush()
}

func (b *bpe) hasBytes(s string) bool {
	if b.all {
		return true
	}
	for i := 0; i < len(s); i++ {
		if b.bytes[s[i]] < 0 {
			return false
		}
	}
	return true
}

// unknowns emits the unknown token for what has none, one for a run if the
// model fuses them.
type unknowns struct {
	b    *bpe
	m    *merger
	held sym // n is 0 if none is held
}

func (u *unknowns) add(at, n int) {
	if u.b.spec.Unk < 0 {
		return
	}
	if u.held.n > 0 && u.b.spec.FuseUnk {
		u.held.n += int32(n)
		return
	}
	u.flush()
	u.held = sym{u.b.spec.Unk, int32(at), int32(n)}
}

func (u *unknowns) flush() {
	if u.held.n > 0 {
		u.m.syms = append(u.m.syms, u.held)
		u.held.n = 0
	}
}
