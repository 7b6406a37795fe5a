package kernel

import (
	"fmt"
	"math"
	"math/bits"
)

// Most is the most bytes that a sequence takes while it grows to n positions in runs of
// at most step, when it is trimmed for a way back of "back" positions behind each: at
// rest between two runs, and within one. It is asked of an empty cache and allocates nothing.
func (c *KVCache) Most(n, step, back int) (rest, peak int64, err error) {
	// Chunks begin at multiples of Chunk, so that the last so many lengths have the most.
	for e := n; e > 0 && e > n-Chunk; e-- {
		r, err := c.between(c.firstVisible(max(0, e-back)), e)
		if err != nil {
			return 0, 0, err
		}
		p, err := c.between(c.firstVisible(max(0, e-step-back)), e)
		if err != nil {
			return 0, 0, err
		}
		rest, peak = max(rest, r), max(peak, p)
	}
	return rest, peak, nil
}

// between is the bytes of the chunks of positions [from, to).
func (c *KVCache) between(from, to int) (int64, error) {
	l := &c.list
	whole := (to-1)/l.span - from/l.span
	hi, lo := bits.Mul64(uint64(whole), uint64(l.size(l.span)))
	last := l.size(l.room(to - (to-1)/l.span*l.span))
	if hi != 0 || lo > math.MaxInt64-uint64(last) {
		return 0, fmt.Errorf("kv cache of %d heads of %d and %d channels: %d positions take more bytes than can be counted", c.Heads, c.KDim, c.VDim, to)
	}
	return int64(lo) + int64(last), nil
}

// Left is what growing to n positions leaves in the pool beside the rest: the sizes that
// last chunks have had, but for the one that the last has now.
func (c *KVCache) Left(n int) int64 {
	l := &c.list
	now, total := l.room(n-(n-1)/l.span*l.span), int64(0)
	for r := l.least; r < l.span; r *= 2 {
		if n > l.span && (r != now || c.Window > 0) || r < now {
			total += int64(l.size(r))
		}
	}
	return total
}

// Most is that of KVCache; peak is what the longest rest and the largest run take, which
// need not meet. What is held depends on powers of two of the length, and is no more than it was
// when there were the first several times as many chunks as bases are retained.
func (r *Recurrent) Most(n, step int) (rest, peak int64) {
	n = min(n, RecurrentChunk*max(8*retainedBases, 4*(step/RecurrentChunk+1)))
	edge := func(e int) bool { return (e+1)%RecurrentChunk <= 2 } // 63, 64 or 65 and so on
	for e := n; e > 0; e-- {
		if e != n && !edge(e) && !edge(max(0, e-step)) {
			continue // what is held changes, and rows are most, where a chunk ends
		}
		rest = max(rest, r.heldAt(e))
		peak = max(peak, r.addedBy(max(0, e-step), e))
	}
	return rest, rest + peak
}

func (r *Recurrent) baseBytes() int64 { return int64(roundUp(4*r.Base, 64)) }

// rowBytes is the rows of the chunk that begins at first up to position end.
func (r *Recurrent) rowBytes(first, end int) int64 {
	if end <= first {
		return 0
	}
	return int64(roundUp(4*rowRoom(end-first)*r.Row, 64))
}

// heldAt is what is held of n positions after Trim.
func (r *Recurrent) heldAt(n int) int64 {
	total := int64(0)
	for c := range n/RecurrentChunk + 1 {
		switch {
		case r.recent(c, n):
			total += r.baseBytes() + r.rowBytes(c*RecurrentChunk, n)
		case r.retains(c, n):
			total += r.baseBytes()
		}
	}
	return total
}

// addedBy is what a run from position start to end adds to what is held.
func (r *Recurrent) addedBy(start, end int) int64 {
	open, total := start/RecurrentChunk, int64(0)
	if start == 0 {
		total = r.baseBytes() // that of the first chunk, which an empty state has not yet
	}
	total += r.rowBytes(open*RecurrentChunk, end) - r.rowBytes(open*RecurrentChunk, start)
	spare := 0
	for c := open + 1; c <= end/RecurrentChunk; c++ {
		switch {
		case r.recent(c, end):
			total += r.baseBytes() + r.rowBytes(c*RecurrentChunk, end)
		case r.retains(c, end):
			total += r.baseBytes()
		case spare < len(r.spare):
			spare++
			total += r.baseBytes()
		}
	}
	return total
}

// Left is what growing leaves in the pool beside the rest: the smaller sizes of rows.
func (r *Recurrent) Left() int64 {
	n := int64(0)
	for room := leastRows; room < RecurrentChunk; room *= 2 {
		n += r.rowBytes(0, room)
	}
	return n
}
