package kernel

import (
	"sync"
	"sync/atomic"
)

// chunk is the memory of the positions of one chunk of one state. It is
// written by its only owner: who shares it copies it first.
type chunk struct {
	mem  []byte
	room int // positions that fit
	refs atomic.Int32
}

func (c *chunk) shared() bool { return c.refs.Load() > 1 }

// Pool is where the states of a device take the memory of their chunks from and
// where it goes back to. The zero Pool is ready; it may be used by several goroutines.
type Pool struct {
	mu   sync.Mutex
	free map[int][]*chunk // by bytes
	kept int64            // bytes in free
	live int64            // bytes handed out
}

// poolKeeps is what a pool keeps of what came back, at least; beyond as much as
// is in use.
const poolKeeps = 64 << 20

// take returns memory for room positions, size bytes, with garbage in it: no
// position is read before it is written, and what lies beside them in a panel
// is never part of a result.
func (p *Pool) take(size, room int) *chunk {
	p.mu.Lock()
	p.live += int64(size)
	var c *chunk
	if l := p.free[size]; len(l) > 0 {
		c = l[len(l)-1]
		l[len(l)-1] = nil
		p.free[size] = l[:len(l)-1]
		p.kept -= int64(size)
	}
	p.mu.Unlock()
	if c == nil {
		c = &chunk{mem: AlignedBytes(size)}
	}
	c.room = room
	c.refs.Store(1)
	return c
}

// drop gives up one owner's hold of c.
func (p *Pool) drop(c *chunk) {
	if c.refs.Add(-1) > 0 {
		return
	}
	size := int64(len(c.mem))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live -= size
	if p.kept+size > max(poolKeeps, p.live) {
		return
	}
	if p.free == nil {
		p.free = map[int][]*chunk{}
	}
	p.free[len(c.mem)] = append(p.free[len(c.mem)], c)
	p.kept += size
}

// Live is the bytes of all chunks in use, each counted once however many
// states share it. Kept is the bytes that wait to be used again.
func (p *Pool) Live() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live
}

// Kept is described at Live.
func (p *Pool) Kept() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept
}

// chunkList is the chunks of one state: span positions each, in order, the
// earliest ones possibly dropped.
type chunkList struct {
	pool   *Pool
	span   int
	least  int                              // the smallest room a chunk has
	size   func(room int) int               // bytes of a chunk
	copy   func(dst, src *chunk, below int) // positions before "below" of a chunk
	first  int                              // index of chunks[0]
	chunks []*chunk
}

// at returns chunk i, which must be held.
func (l *chunkList) at(i int) *chunk { return l.chunks[i-l.first] }

// holds reports whether all chunks of positions [from, to) are there, with room.
func (l *chunkList) holds(from, to int) bool {
	if from >= to {
		return true
	}
	last := (to - 1) / l.span
	return from/l.span >= l.first && last-l.first < len(l.chunks) && to-last*l.span <= l.at(last).room
}

// room is what a chunk has whose first n positions are wanted.
func (l *chunkList) room(n int) int {
	r := l.least
	for r < min(l.span, n) {
		r *= 2
	}
	return r
}

// reserve makes the chunks of positions [from, to) the list's own, with room,
// keeping what they hold below from. The last one grows by doubling, so that a
// short sequence takes little and a fork's first token does too.
func (l *chunkList) reserve(from, to int) {
	for i := from / l.span; i*l.span < to; i++ {
		want := l.room(to - i*l.span)
		if len(l.chunks) == 0 {
			l.first = i
		}
		if i-l.first == len(l.chunks) {
			l.chunks = append(l.chunks, l.pool.take(l.size(want), want))
			continue
		}
		old := l.at(i)
		if !old.shared() && old.room >= want {
			continue
		}
		want = max(want, l.least)
		c := l.pool.take(l.size(want), want)
		if below := from - i*l.span; below > 0 {
			l.copy(c, old, min(below, old.room))
		}
		l.chunks[i-l.first] = c
		l.pool.drop(old)
	}
}

// trim gives up the chunks from position n on, and those that lie wholly before
// position from.
func (l *chunkList) trim(from, n int) {
	for keep := ceil(n, l.span); len(l.chunks) > 0 && l.first+len(l.chunks) > keep; {
		last := len(l.chunks) - 1
		l.pool.drop(l.chunks[last])
		l.chunks[last] = nil
		l.chunks = l.chunks[:last]
	}
	gone := min(max(0, from/l.span-l.first), len(l.chunks))
	for _, c := range l.chunks[:gone] {
		l.pool.drop(c)
	}
	if gone > 0 {
		left := copy(l.chunks, l.chunks[gone:])
		clear(l.chunks[left:])
		l.chunks = l.chunks[:left]
		l.first += gone
	}
}

// fork returns a list that shares all chunks with l.
func (l *chunkList) fork() chunkList {
	f := *l
	f.chunks = make([]*chunk, len(l.chunks))
	copy(f.chunks, l.chunks)
	for _, c := range f.chunks {
		c.refs.Add(1)
	}
	return f
}

// memory is the bytes of the chunks that only this list holds, and of those
// that it shares.
func (l *chunkList) memory() (m Memory) {
	for _, c := range l.chunks {
		m = m.Add(c.memory())
	}
	return m
}

// memory is that of one chunk.
func (c *chunk) memory() Memory {
	n := int64(len(c.mem))
	if refs := int64(c.refs.Load()); refs > 1 {
		return Memory{Shared: n, Fair: n / refs}
	}
	return Memory{Own: n, Fair: n}
}

// Memory is what a state takes, in bytes. The sum of Fair over all states is what is in
// use, but for less than a byte for every shared chunk and holder of it, by which it is
// lower: parts are rounded down.
type Memory struct {
	Own    int64 // chunks that it alone holds
	Shared int64 // chunks that others hold too, in full
	Fair   int64 // Own, and of every shared chunk its part
}

// Add is the sum.
func (m Memory) Add(o Memory) Memory {
	return Memory{m.Own + o.Own, m.Shared + o.Shared, m.Fair + o.Fair}
}
