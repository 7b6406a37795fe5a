package tokenizer

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// unkPenalty is how far below the lowest score an unknown character lies.
const unkPenalty = 10

// unigram finds the segmentation with the highest sum of scores.
type unigram struct {
	v      *vocab
	spec   *modelSpec
	scores []float64
	unk    float64
	trie   map[uint64]int32 // node<<8 | byte -> node; node 0 is the root
	token  []int32          // of node, -1: none
	bytes  [256]int32
	all    bool
}

// pathNode is the best way to reach a position in the word.
type pathNode struct {
	score float64
	from  int32 // -1: not reached
	id    int32
}

func newUnigram(v *vocab, scores []float64, spec *modelSpec) (*unigram, error) {
	if len(scores) != v.size() {
		return nil, fmt.Errorf("%d scores for %d tokens", len(scores), v.size())
	}
	u := &unigram{v: v, spec: spec, scores: scores, trie: map[uint64]int32{}, token: []int32{-1}}
	lowest := math.Inf(1)
	for id, x := range scores {
		if v.kinds[id] == Unassigned || v.kinds[id]&addedOnly != 0 {
			continue
		}
		if x != x || math.IsInf(x, 0) {
			return nil, fmt.Errorf("score of token %d is not finite", id)
		}
		lowest = min(lowest, x)
		if !v.isPlain(int32(id)) {
			continue
		}
		node := int32(0)
		for _, b := range []byte(v.piece(int32(id))) {
			key := uint64(node)<<8 | uint64(b)
			next, ok := u.trie[key]
			if !ok {
				next = int32(len(u.token))
				u.trie[key] = next
				u.token = append(u.token, -1)
			}
			node = next
		}
		u.token[node] = int32(id) // of equal texts the last
	}
	u.token[0] = -1
	u.unk = lowest - unkPenalty
	u.bytes, u.all = v.byteTokens()
	return u, nil
}

func (u *unigram) cut(rune) bool { return false }

func (u *unigram) word(m *merger, w string) error {
	if cap(m.path) < len(w)+1 {
		m.path = make([]pathNode, len(w)+1)
	}
	best := m.path[:len(w)+1]
	for i := range best {
		best[i] = pathNode{from: -1}
	}
	try := func(from, to int, id int32, score float64) {
		if t := &best[to]; t.from < 0 || score > t.score {
			*t = pathNode{score, int32(from), id}
		}
	}
	for at := 0; at < len(w); {
		_, n := uclass.Rune(w, at)
		here := best[at].score
		single := false
		node := int32(0)
		for k := at; k < len(w); k++ {
			next, ok := u.trie[uint64(node)<<8|uint64(w[k])]
			if !ok {
				break
			}
			node = next
			if id := u.token[node]; id >= 0 {
				try(at, k+1, id, u.scores[id]+here)
				single = single || k+1-at == n
			}
		}
		if !single {
			if u.spec.Unk < 0 {
				return fmt.Errorf("character %q is not in the vocabulary, which has no unknown token", w[at:at+n])
			}
			try(at, at+n, u.spec.Unk, u.unk+here)
		}
		at += n
	}
	m.syms = m.syms[:0]
	for end := int32(len(w)); end > 0; {
		n := best[end]
		last := len(m.syms) - 1
		if last >= 0 && n.id == u.spec.Unk && m.syms[last].id == n.id {
			m.syms[last].n += m.syms[last].start - n.from
			m.syms[last].start = n.from
		} else {
			m.syms = append(m.syms, sym{n.id, n.from, end - n.from})
		}
		end = n.from
	}
	for i, j := 0, len(m.syms)-1; i < j; i, j = i+1, j-1 {
		m.syms[i], m.syms[j] = m.syms[j], m.syms[i]
	}
	if u.spec.Unk >= 0 {
		m.syms = u.unknown(m.syms, w)
	}
	return nil
}

// unknown replaces unknown runs that are spelt as a token by it, and with byte
// fallback the others by their bytes.
func (u *unigram) unknown(syms []sym, w string) []sym {
	var out []sym
	for i, x := range syms {
		if x.id != u.spec.Unk {
			if out != nil {
				out = append(out, x)
			}
			continue
		}
		if out == nil {
			out = append(make([]sym, 0, len(syms)+16), syms[:i]...)
		}
		text := w[x.start : x.start+x.n]
		if id, ok := u.v.plain(text); ok {
			out = append(out, sym{id, x.start, x.n})
			continue
		}
		if u.spec.ByteFallback && u.hasBytes(text) {
			for k := x.start; k < x.start+x.n; k++ {
				out = append(out, sym{u.bytes[w[k]], k, 1})
			}
			continue
		}
		out = append(out, x)
	}
	if out == nil {
		return syms
	}
	return out
}

func (u *unigram) hasBytes(s string) bool {
	for i := 0; i < len(s); i++ {
		if u.bytes[s[i]] < 0 {
			return false
		}
	}
	return true
}
