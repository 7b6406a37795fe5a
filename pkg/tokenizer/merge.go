package tokenizer

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// sym is a token or, with id < 0, a part of a word that is none (yet):
// n bytes from byte start of the word.
type sym struct{ id, start, n int32 }

// noRank is the rank of a pair that does not merge.
const noRank = math.MaxUint32

// mergeRule joins tokens a and b into id. The position in the list is the
// rank: lower ranks merge first.
type mergeRule struct{ a, b, id int32 }

// mergeTable finds rules by pair.
type mergeTable struct {
	slots []mergeSlot
	mul   uint64 // random, so that no file can choose its collisions
	shift uint
}

// mergeSlot is 16 bytes; key 0 is empty.
type mergeSlot struct {
	key  uint64
	rank uint32
	id   int32
}

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) + 1 }

// newMergeTable indexes the rules. Of two rules for one pair the later stands,
// as in the tokenizers package.
func newMergeTable(rules []mergeRule) mergeTable {
	k := max(bits.Len(uint(2*len(rules))), 2)
	t := mergeTable{slots: make([]mergeSlot, 1<<k), mul: rand.Uint64() | 1, shift: uint(64 - k)}
	for rank, r := range rules {
		key := pairKey(r.a, r.b)
		i := t.home(key)
		for t.slots[i].key != 0 && t.slots[i].key != key {
			i = (i + 1) & (len(t.slots) - 1)
		}
		t.slots[i] = mergeSlot{key, uint32(rank), r.id}
	}
	return t
}

func (t *mergeTable) home(key uint64) int {
	return int(key * t.mul >> t.shift)
}

// find returns the rank of a pair and the token it becomes.
func (t *mergeTable) find(a, b int32) (rank uint32, id int32) {
	key := pairKey(a, b)
	for i := t.home(key); ; i = (i + 1) & (len(t.slots) - 1) {
		s := &t.slots[i]
		if s.key == key {
			return s.rank, s.id
		}
		if s.key == 0 {
			return noRank, -1
		}
	}
}

// checkRules verifies ids against the vocabulary.
func checkRules(rules []mergeRule, v *vocab) error {
	n := int32(v.size())
	for i, r := range rules {
		if uint32(r.a) >= uint32(n) || uint32(r.b) >= uint32(n) || uint32(r.id) >= uint32(n) {
			return fmt.Errorf("merge %d: token %d + %d = %d, outside the vocabulary of %d", i, r.a, r.b, r.id, n)
		}
	}
	return nil
}

// smallWord is the number of symbols up to which a word is merged by scanning
// for the lowest rank; longer words use a heap.
const smallWord = 48

// merger is the scratch memory of merging one word.
type merger struct {
	syms []sym
	next []int32
	prev []int32
	heap []uint64 // rank<<32 | position
	buf  []byte
	path []pathNode // unigram
}

// run joins neighbouring symbols of m.syms, lowest rank first and of equal
// ranks the leftmost, until no pair has a rank. pair gives the rank of two
// symbols and the token they become.
func (m *merger) run(pair func(a, b sym) (uint32, int32)) {
	if len(m.syms) > smallWord {
		m.runHeap(pair)
		return
	}
	if len(m.syms) < 2 {
		return
	}
	var ranks [smallWord]uint32
	var ids [smallWord]int32
	s := m.syms
	for i := 0; i+1 < len(s); i++ {
		ranks[i], ids[i] = pair(s[i], s[i+1])
	}
	for n := len(s) - 1; n > 0; n-- {
		best, at := uint32(noRank), 0
		for i, r := range ranks[:n] {
			if r < best {
				best, at = r, i
			}
		}
		if best == noRank {
			break
		}
		s[at].id = ids[at]
		s[at].n += s[at+1].n
		copy(s[at+1:], s[at+2:])
		copy(ranks[at:n], ranks[at+1:n])
		copy(ids[at:n], ids[at+1:n])
		s = s[:n]
		if at > 0 {
			ranks[at-1], ids[at-1] = pair(s[at-1], s[at])
		}
		if at+1 < n {
			ranks[at], ids[at] = pair(s[at], s[at+1])
		}
	}
	m.syms = s
}

// runHeap is run for long words: n log n.
func (m *merger) runHeap(pair func(a, b sym) (uint32, int32)) {
	s := m.syms
	n := len(s)
	m.next = grow(m.next, n)
	m.prev = grow(m.prev, n)
	m.heap = m.heap[:0]
	for i := range s {
		m.next[i], m.prev[i] = int32(i+1), int32(i-1)
		if i+1 < n {
			if r, _ := pair(s[i], s[i+1]); r != noRank {
				m.heap = append(m.heap, uint64(r)<<32|uint64(i))
			}
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	for len(m.heap) > 0 {
		top := m.pop()
		at := int32(uint32(top))
		if s[at].n == 0 || int(m.next[at]) >= n {
			continue
		}
		right := m.next[at]
		rank, id := pair(s[at], s[right])
		if rank != uint32(top>>32) {
			continue // the pair of this entry is gone
		}
		s[at].id = id
		s[at].n += s[right].n
		s[right].n = 0
		m.next[at] = m.next[right]
		if k := m.next[at]; int(k) < n {
			m.prev[k] = at
			if r, _ := pair(s[at], s[k]); r != noRank {
				m.push(uint64(r)<<32 | uint64(at))
			}
		}
		if k := m.prev[at]; k >= 0 {
			if r, _ := pair(s[k], s[at]); r != noRank {
				m.push(uint64(r)<<32 | uint64(k))
			}
		}
	}
	out := s[:0]
	for _, x := range s {
		if x.n > 0 {
			out = append(out, x)
		}
	}
	m.syms = out
}

func grow(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	return s[:n]
}

func (m *merger) push(x uint64) {
	m.heap = append(m.heap, x)
	h := m.heap
	for i := len(h) - 1; i > 0; {
		p := (i - 1) / 2
		if h[p] <= h[i] {
			break
		}
		h[p], h[i] = h[i], h[p]
		i = p
	}
}

func (m *merger) pop() uint64 {
	h := m.heap
	top := h[0]
	h[0] = h[len(h)-1]
	m.heap = h[:len(h)-1]
	m.down(0)
	return top
}

func (m *merger) down(i int) {
	h := m.heap
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[i] <= h[c] {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}
