package kernel

import (
	"fmt"
	"math"
	"slices"
)

// RecurrentChunk is the number of positions of a recurrence that are handled as
// one unit: chunks start at multiples of it, and what the recurrence carries moves
// on at their ends only.
const RecurrentChunk = 64

const (
	// leastRows is the room of the first rows of a chunk; it grows by doubling.
	leastRows = 4
	// retainedBases and retainedBytes bound the older bases that a state keeps so
	// that a long way back need not begin at position 0.
	retainedBases = 16
	retainedBytes = 4 << 20
	// MaxBase and MaxRow bound the floats of a base and of a row, as in pkg/ir: their numbers
	// come from files. The rows of a chunk take as much as a base may.
	MaxBase = 1 << 26
	MaxRow  = MaxBase / RecurrentChunk
)

// Recurrent holds what one layer's recurrence carries: for a chunk of 64
// positions its base, Base floats that stand for everything before the chunk, and
// Row floats for each of its positions. A base is written once, when the chunk
// before it ends; whoever forks shares it. Rows are copied by the one who appends
// while others share them.
//
// Held are the open chunk and as many before it as a rewind by a few tokens needs,
// and of the older bases some at powers of two: see Trim. What a base is made of, and
// how, is the op's business; where it lies is asked by Piece.
type Recurrent struct {
	Base, Row int
	Max       int // positions

	pool *Pool
	back int // see NewRecurrent
	len  int
	held []recurrentChunk // ascending, possibly with gaps
	// spare are the bases of chunks that begin and end in the present run and are
	// not kept, in turn.
	spare [2]*chunk
}

// recurrentChunk is one chunk that is held: its base, and the rows of its
// positions up to the state's length, or nil of an older base alone.
type recurrentChunk struct {
	at         int // its number
	base, rows *chunk
}

// NewRecurrent makes an empty state for up to maxPos positions with memory from p,
// one that can always be made shorter by up to back positions.
func NewRecurrent(p *Pool, base, row, maxPos, back int) (*Recurrent, error) {
	if base <= 0 || base > MaxBase || row <= 0 || row > MaxRow || maxPos < 0 || maxPos > 1<<30 || back < 0 {
		return nil, fmt.Errorf("recurrent state with a base of %d and rows of %d numbers for %d positions is out of range: at most %d and %d", base, row, maxPos, MaxBase, MaxRow)
	}
	return &Recurrent{Base: base, Row: row, Max: maxPos, pool: p, back: back}, nil
}

// Len is the number of positions of the sequence.
func (r *Recurrent) Len() int { return r.len }

// find is the place of chunk c in held, or where it would be.
func (r *Recurrent) find(c int) (int, bool) {
	// The last chunks are asked for, so the search begins at the end.
	i := len(r.held)
	for i > 0 && r.held[i-1].at >= c {
		i--
	}
	return i, i < len(r.held) && r.held[i].at == c
}

// chunk returns chunk c, nil if it is not held.
func (r *Recurrent) chunk(c int) *recurrentChunk {
	if i, ok := r.find(c); ok {
		return &r.held[i]
	}
	return nil
}

// CanReturn reports whether the state can be made n positions long.
func (r *Recurrent) CanReturn(n int) bool { return n >= 0 && n <= r.len && r.Nearest(n) == n }

// Nearest is the longest length of at most n to which the state can return.
func (r *Recurrent) Nearest(n int) int {
	n = min(n, r.len)
	for i := len(r.held) - 1; i >= 0; i-- {
		h := &r.held[i]
		first := h.at * RecurrentChunk
		switch {
		case first > n:
		case h.rows == nil:
			return first
		default:
			return min(n, first+RecurrentChunk-1) // the next length needs the next base
		}
	}
	return 0
}

// Reserve makes room for positions [start, end), start being the length, which a
// run will append. What is held stays until Trim. It is the only method of a running
// state that may allocate.
func (r *Recurrent) Reserve(start, end int) error {
	if start != r.len || end < start || end > r.Max {
		return fmt.Errorf("recurrent state: positions %d to %d behind %d, at most %d fit", start, end-1, r.len, r.Max)
	}
	if !r.CanReturn(start) {
		return fmt.Errorf("recurrent state: what position %d follows from is not held", start)
	}
	r.cut(start)
	if end == start {
		return nil
	}
	c, last := start/RecurrentChunk, end/RecurrentChunk
	if start == 0 && len(r.held) == 0 {
		base := r.takeBase()
		clear(r.floats(base, r.Base))
		r.held = append(r.held, recurrentChunk{at: 0, base: base})
	}
	r.reserveRows(r.chunk(c), start, end)
	for c++; c <= last; c++ {
		recent := r.recent(c, end)
		if recent || r.retains(c, end) {
			r.held = append(r.held, recurrentChunk{at: c, base: r.takeBase()})
			if recent && c*RecurrentChunk < end {
				r.reserveRows(&r.held[len(r.held)-1], start, end)
			}
		} else if i := c % 2; r.spare[i] == nil {
			r.spare[i] = r.takeBase()
		}
	}
	return nil
}

// reserveRows makes the rows of h its own, with room up to position end, keeping
// those before start.
func (r *Recurrent) reserveRows(h *recurrentChunk, start, end int) {
	first := h.at * RecurrentChunk
	room := rowRoom(end - first)
	old := h.rows
	if old != nil && !old.shared() && old.room >= room {
		return
	}
	h.rows = r.pool.take(roundUp(4*room*r.Row, 64), room)
	if old == nil {
		return
	}
	if keep := start - first; keep > 0 {
		copy(r.floats(h.rows, keep*r.Row), r.floats(old, keep*r.Row))
	}
	r.pool.drop(old)
}

// rowRoom is the room of the rows of a chunk of which n are wanted.
func rowRoom(n int) int {
	room := leastRows
	for room < min(RecurrentChunk, n) {
		room *= 2
	}
	return room
}

func (r *Recurrent) takeBase() *chunk { return r.pool.take(roundUp(4*r.Base, 64), 1) }

func (r *Recurrent) floats(c *chunk, n int) []float32 { return slice[float32](c.mem, 0, n) }

// recent reports whether a state of n positions needs chunk c to become shorter
// by up to back positions.
func (r *Recurrent) recent(c, n int) bool { return c >= max(0, n-r.back)/RecurrentChunk }

// retains reports whether the base of chunk c is kept although it is not recent:
// every second, fourth, eighth and so on, so that they are no more than
// retainedBases and take no more than retainedBytes. Which ones follows from the
// length alone, and states of one sequence agree on the rarest.
func (r *Recurrent) retains(c, n int) bool {
	most := min(retainedBases, retainedBytes/(4*r.Base))
	if most == 0 || c == 0 {
		return false
	}
	every := 1
	for n/RecurrentChunk/every > most {
		every *= 2
	}
	return c%every == 0
}

// SetLen sets the number of positions behind a run that has appended up to n.
func (r *Recurrent) SetLen(n int) {
	r.len = n
	r.dropSpare()
}

func (r *Recurrent) dropSpare() {
	for i, c := range r.spare {
		if c != nil {
			r.pool.drop(c)
			r.spare[i] = nil
		}
	}
}

// drop gives up chunk h.
func (r *Recurrent) drop(h *recurrentChunk) {
	r.pool.drop(h.base)
	if h.rows != nil {
		r.pool.drop(h.rows)
	}
	*h = recurrentChunk{}
}

// cut gives up the chunks that begin behind position n.
func (r *Recurrent) cut(n int) {
	for i := len(r.held) - 1; i >= 0 && r.held[i].at*RecurrentChunk > n; i-- {
		r.drop(&r.held[i])
		r.held = r.held[:i]
	}
}

// Truncate forgets the positions from n on, to which CanReturn must agree.
func (r *Recurrent) Truncate(n int) {
	r.len = n
	r.dropSpare()
	r.cut(n)
	if n == 0 {
		r.Release()
	}
}

// Trim gives up what going back by a few positions does not need, but for the
// older bases that are retained.
func (r *Recurrent) Trim() {
	r.dropSpare()
	r.cut(r.len)
	left := 0
	for i := range r.held {
		h := &r.held[i]
		if !r.recent(h.at, r.len) {
			if h.rows != nil {
				r.pool.drop(h.rows)
				h.rows = nil
			}
			if !r.retains(h.at, r.len) {
				r.drop(h)
				continue
			}
		}
		r.held[left] = *h
		left++
	}
	clear(r.held[left:])
	r.held = r.held[:left]
}

// Fork returns a state of the same positions, which shares what is held.
func (r *Recurrent) Fork() *Recurrent {
	f := *r
	f.spare = [2]*chunk{}
	i, _ := r.find(r.len/RecurrentChunk + 1) // chunks behind are those of a run that failed
	f.held = slices.Clone(r.held[:i])
	for _, h := range f.held {
		h.base.refs.Add(1)
		if h.rows != nil {
			h.rows.refs.Add(1)
		}
	}
	return &f
}

// Release gives everything back; the state is empty then.
func (r *Recurrent) Release() {
	r.len = 0
	r.dropSpare()
	for i := range r.held {
		r.drop(&r.held[i])
	}
	r.held = r.held[:0]
}

// Memory is what is held.
func (r *Recurrent) Memory() Memory {
	var m Memory
	for _, h := range r.held {
		m = m.Add(h.base.memory())
		if h.rows != nil {
			m = m.Add(h.rows.memory())
		}
	}
	for _, c := range r.spare {
		if c != nil {
			m = m.Add(c.memory())
		}
	}
	return m
}

// Save appends to dst the base of the open chunk and its rows, exact, and returns
// the chunk's first position.
func (r *Recurrent) Save(dst []byte) ([]byte, int) {
	from := r.len / RecurrentChunk * RecurrentChunk
	h := r.chunk(r.len / RecurrentChunk)
	if h == nil { // of an empty state; it is held otherwise
		return append(dst, make([]byte, 4*r.Base)...), from
	}
	dst = append(dst, h.base.mem[:4*r.Base]...)
	if n := r.len - from; n > 0 {
		dst = append(dst, h.rows.mem[:4*n*r.Row]...)
	}
	return dst, from
}

// CanLoad says whether Load would take src as the open chunk, from position from
// on, of n positions.
func (r *Recurrent) CanLoad(src []byte, from, n int) error {
	if n < 0 || n > r.Max || from != n/RecurrentChunk*RecurrentChunk {
		return fmt.Errorf("recurrent state: saved from position %d on for %d positions (at most %d): a chunk of %d does not begin there", from, n, r.Max, RecurrentChunk)
	}
	base, rows := 4*r.Base, 4*(n-from)*r.Row
	if len(src) != base+rows {
		return fmt.Errorf("recurrent state: %d bytes, want %d of the base and %d of the rows of positions %d to %d", len(src), base, rows, from, n-1)
	}
	if from == 0 && slices.ContainsFunc(src[:base], func(b byte) bool { return b != 0 }) {
		return fmt.Errorf("recurrent state: the base of the first chunk is not 0, but nothing stands before position 0")
	}
	return nil
}

// Load makes the state one of n positions whose open chunk begins at from, as
// Save wrote it. What CanLoad refuses changes nothing.
func (r *Recurrent) Load(src []byte, from, n int) error {
	if err := r.CanLoad(src, from, n); err != nil {
		return err
	}
	r.Release()
	r.len = n
	h := recurrentChunk{at: from / RecurrentChunk, base: r.takeBase()}
	copy(h.base.mem, src[:4*r.Base])
	if n > from {
		r.reserveRows(&h, n, n)
		copy(h.rows.mem, src[4*r.Base:])
	}
	r.held = append(r.held, h)
	return nil
}

// Poison fills rows behind position n that nobody shares with NaN: a test hook.
func (r *Recurrent) Poison(n int) {
	r.cut(n)
	for _, h := range r.held {
		first := h.at * RecurrentChunk
		if h.rows == nil || h.rows.shared() || first+h.rows.room <= n {
			continue
		}
		x := r.floats(h.rows, h.rows.room*r.Row)[max(0, n-first)*r.Row:]
		for i := range x {
			x[i] = float32(math.NaN())
		}
	}
}
