package kernel

import "fmt"

// RecurrentSpan is what kernels know of a span of a batch: its state, which has
// reserved the span's positions, the position of its first token and the number of
// its tokens.
type RecurrentSpan struct {
	State       *Recurrent
	Start, Rows int
}

// Piece is the part of a span that lies in one chunk. What a recurrence says at a
// position follows from Base, Past and the inputs of the piece up to that position,
// in one order, however the chunk was cut into spans. A kernel reads Base and Past, writes
// Keep and Next where they are not nil, and may do so for a part of the channels at
// a time: no two of these overlap.
type Piece struct {
	First, Rows int       // tokens of the span
	Base        []float32 // at the chunk's start
	Past        []float32 // rows of the chunk's positions before the piece
	Keep        []float32 // where the rows of the piece are kept; nil: nowhere
	Next        []float32 // where the base of the next chunk belongs; nil: the chunk goes on
}

// Pieces is the number of chunks that the span lies in.
func (s *RecurrentSpan) Pieces() int {
	return ceil(s.Start+s.Rows, RecurrentChunk) - s.Start/RecurrentChunk
}

// Piece returns the i-th piece. The base of a piece but the first is what was
// written as Next of the one before.
func (s *RecurrentSpan) Piece(i int) Piece {
	r, c := s.State, s.Start/RecurrentChunk+i
	from, to := max(s.Start, c*RecurrentChunk), min(s.Start+s.Rows, (c+1)*RecurrentChunk)
	p := Piece{First: from - s.Start, Rows: to - from, Base: r.base(c)}
	if h := r.chunk(c); h != nil && h.rows != nil {
		rows := r.floats(h.rows, (to-c*RecurrentChunk)*r.Row)
		at := (from - c*RecurrentChunk) * r.Row
		p.Past, p.Keep = rows[:at], rows[at:]
	}
	if to == (c+1)*RecurrentChunk {
		p.Next = r.base(c + 1)
	}
	return p
}

// base is where the base of chunk c lies during a run.
func (r *Recurrent) base(c int) []float32 {
	if h := r.chunk(c); h != nil {
		return r.floats(h.base, r.Base)
	}
	return r.floats(r.spare[c%2], r.Base)
}

// check finds out whether the span's positions are reserved in a state of the
// given numbers.
func (s *RecurrentSpan) check(base, row int) error {
	r := s.State
	if r == nil {
		return fmt.Errorf("no recurrent state")
	}
	if r.Base != base || r.Row != row {
		return fmt.Errorf("a recurrent state with a base of %d and rows of %d numbers, want %d and %d", r.Base, r.Row, base, row)
	}
	end := s.Start + s.Rows
	if s.Start != r.len || s.Rows < 1 || end > r.Max {
		return fmt.Errorf("positions %d to %d of a recurrent state of %d, at most %d", s.Start, end-1, r.len, r.Max)
	}
	for c := s.Start / RecurrentChunk; c <= end/RecurrentChunk; c++ {
		switch h := r.chunk(c); {
		case h == nil && r.spare[c%2] == nil,
			h == nil && c == s.Start/RecurrentChunk,
			h != nil && h.rows != nil && h.rows.room < min(RecurrentChunk, end-c*RecurrentChunk),
			h != nil && h.rows == nil && c == s.Start/RecurrentChunk:
			return fmt.Errorf("positions %d to %d of a recurrent state are not reserved", s.Start, end-1)
		}
	}
	return nil
}
