package jinja

import (
	"context"
	"time"
)

// Limits bounds one rendering. A zero field takes its default.
type Limits struct {
	Steps  int64         // nodes evaluated, items iterated, 256-byte blocks of text scanned
	Bytes  int64         // memory taken by all strings and lists together, live or not, beyond the input
	Output int64         // bytes of text rendered
	Depth  int           // nested evaluations, in syntax-tree levels
	Calls  int           // nested macro calls
	Time   time.Duration // wall clock
}

// DefaultLimits are generous for a chat template: real ones take a few thousand steps per message.
var DefaultLimits = Limits{
	Steps:  20_000_000,
	Bytes:  256 << 20,
	Output: 64 << 20,
	Depth:  10_000,
	Calls:  200,
	Time:   10 * time.Second,
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	if l.Steps > 0 {
		d.Steps = l.Steps
	}
	if l.Bytes > 0 {
		d.Bytes = l.Bytes
	}
	if l.Output > 0 {
		d.Output = l.Output
	}
	if l.Depth > 0 {
		d.Depth = l.Depth
	}
	if l.Calls > 0 {
		d.Calls = l.Calls
	}
	if l.Time > 0 {
		d.Time = l.Time
	}
	return d
}

// nestLimit bounds how deep values may be nested when they are printed, compared or converted.
const nestLimit = 500

// intBits bounds integers; Python itself refuses to print more than 4300 decimal digits.
const intBits = 65536

// state is one rendering: its limits, its variables and where text goes.
type state struct {
	ctx      context.Context
	lim      Limits
	deadline time.Time
	now      func() time.Time

	steps int64
	bytes int64
	depth int
	nest  int // recursion into values
	calls int

	vars *Dict
	out  *buf
}

// step accounts for one unit of work.
func (st *state) step() error {
	st.steps++
	if st.steps&1023 == 0 {
		return st.check()
	}
	return nil
}

// work accounts for scanning n bytes or comparing n/256 items.
func (st *state) work(n int) error {
	before := st.steps >> 10
	st.steps += int64(n>>8) + 1
	if st.steps>>10 != before {
		return st.check()
	}
	return nil
}

func (st *state) check() error {
	if st.steps > st.lim.Steps {
		return errf(KindLimit, "more than %d steps", st.lim.Steps)
	}
	if err := st.ctx.Err(); err != nil {
		return &Error{Kind: KindLimit, Msg: "rendering cancelled: " + err.Error(), cause: err}
	}
	if time.Now().After(st.deadline) {
		return errf(KindLimit, "rendering took longer than %v", st.lim.Time)
	}
	return nil
}

// alloc accounts for n bytes before they are allocated.
func (st *state) alloc(n int64) error {
	if n < 0 || n > st.lim.Bytes-st.bytes {
		return errf(KindLimit, "more than %d bytes of strings and lists", st.lim.Bytes)
	}
	st.bytes += n
	return st.work(int(n >> 2))
}

// allocItems accounts for a list of n items.
func (st *state) allocItems(n int) error { return st.alloc(32 + 16*int64(n)) }

// enter goes one level deeper; leave must follow when it returned nil.
func (st *state) enter() error {
	if st.depth >= st.lim.Depth {
		return errf(KindRecursion, "nested more than %d levels deep", st.lim.Depth)
	}
	st.depth++
	return nil
}

func (st *state) leave() { st.depth-- }
