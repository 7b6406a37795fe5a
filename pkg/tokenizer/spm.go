package tokenizer

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// spm merges as llama.cpp does for SentencePiece vocabularies in GGUF: of all
// neighbouring symbols whose joined text is a token, the pair with the highest
// score joins first, the leftmost of equals.
type spm struct {
	v     *vocab
	ranks []uint32 // of tokens: position of the score in descending order
	bytes [256]int32
	cuts  map[rune]bool // characters before a metaspace inside a token
}

func newSPM(v *vocab, scores []float32) (*spm, error) {
	if len(scores) != v.size() {
		return nil, fmt.Errorf("%d scores for %d tokens", len(scores), v.size())
	}
	s := &spm{v: v, ranks: make([]uint32, len(scores)), cuts: map[rune]bool{}}
	order := make([]int32, len(scores))
	for i, x := range scores {
		if x != x {
			return nil, fmt.Errorf("score of token %d is NaN", i)
		}
		order[i] = int32(i)
	}
	sort.SliceStable(order, func(i, j int) bool { return scores[order[i]] > scores[order[j]] })
	rank := uint32(0)
	for i, id := range order {
		if i > 0 && scores[id] != scores[order[i-1]] {
			rank++
		}
		s.ranks[id] = rank
	}
	s.bytes, _ = v.byteTokens()
	for b, id := range s.bytes {
		if id >= 0 {
			continue
		}
		if id, ok := v.lookup(string([]byte{byte(b)})); ok {
			s.bytes[b] = id
			continue
		}
		return nil, fmt.Errorf("vocabulary has no token %s", byteName(byte(b)))
	}
	for id := range v.ends {
		p := v.piece(int32(id))
		for i := strings.Index(p, metaspace); i >= 0; {
			if i > 0 {
				r, _ := utf8.DecodeLastRuneInString(p[:i])
				s.cuts[r] = true
			}
			next := strings.Index(p[i+len(metaspace):], metaspace)
			if next < 0 {
				break
			}
			i += len(metaspace) + next
		}
	}
	return s, nil
}

func (s *spm) cut(r rune) bool { return r != utf8.RuneError && !s.cuts[r] }

// word merges the characters of w. The length of a character follows from its
// first byte, also where what follows is not UTF-8; a character that is no
// token becomes its bytes.
func (s *spm) word(m *merger, w string) error {
	m.syms = m.syms[:0]
	for i := 0; i < len(w); {
		n := min(leadLen(w[i]), len(w)-i)
		id, _ := s.v.plain(w[i : i+n])
		m.syms = append(m.syms, sym{id, int32(i), int32(n)})
		i += n
	}
	m.run(func(a, b sym) (uint32, int32) {
		if int(a.n+b.n) > s.v.long {
			return noRank, -1
		}
		id, ok := s.v.plain(w[a.start : b.start+b.n])
		if !ok {
			return noRank, -1
		}
		return s.ranks[id], id
	})
	for i := 0; i < len(m.syms); i++ {
		x := m.syms[i]
		if x.id >= 0 {
			continue
		}
		out := append([]sym(nil), m.syms[:i]...)
		for ; i < len(m.syms); i++ {
			x = m.syms[i]
			if x.id >= 0 {
				out = append(out, x)
				continue
			}
			for k := x.start; k < x.start+x.n; k++ {
				out = append(out, sym{s.bytes[w[k]], k, 1})
			}
		}
		m.syms = out
	}
	return nil
}

// leadLen is the length of a character by its first byte; a byte that cannot
// be first counts as one character.
func leadLen(b byte) int {
	switch {
	case b < 0xC0:
		return 1
	case b < 0xE0:
		return 2
	case b < 0xF0:
		return 3
	}
	return 4
}
