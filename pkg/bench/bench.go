package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Options of a benchmark: every combination of thread count, depth and test
// is a row, in this order.
type Options struct {
	Prompts []int // N of ppN
	Gens    []int // N of tgN
	// Sessions are the numbers of sessions that generate together, each with its
	// own tokens, cache and top-k; nil: one.
	Sessions []int
	Depths   []int // tokens in the cache; sorted, once each
	Threads  []int // 0 is the backend's default
	Reps     int
	Chunk    int    // tokens per call
	KVType   string // "": the model's
	Backend  backend.Backend
	Ops      bool // sum times by op kind
	// MaxMemory is runtime.Options.MaxMemory, for the most sessions and the deepest test.
	MaxMemory int64
	// Progress, when set, is told what is going on.
	Progress func(what string)
}

// Row is the outcome of one test.
type Row struct {
	Threads int    `json:"threads"`
	Chunk   int    `json:"chunk"`
	KVType  string `json:"kv_type"`
	Prompt  int    `json:"n_prompt"`
	Gen     int    `json:"n_gen"`
	Depth   int    `json:"n_depth"`
	// Sessions that run together; Speed is that of all of them.
	Sessions int     `json:"n_sessions"`
	Test     string  `json:"test"` // "pp512", "tg128 @ d4096", "tg32 × 8 @ d128"
	Speed    float64 `json:"tokens_per_second"`
	// StateBytes is the memory of the sessions' states behind the last repetition.
	StateBytes int64     `json:"state_bytes"`
	StdDev     float64   `json:"tokens_per_second_sd"`
	Samples    []float64 `json:"samples"`
	Ops        []OpTime  `json:"ops,omitempty"`
	Error      string    `json:"error,omitempty"`
}

// test is ppN, or tgN in some sessions at once.
type test struct {
	gen      bool
	n        int
	sessions int
}

func (t test) name(depth int) string {
	s := fmt.Sprintf("pp%d", t.n)
	if t.gen {
		s = fmt.Sprintf("tg%d", t.n)
	}
	if t.sessions > 1 {
		s += fmt.Sprintf(" × %d", t.sessions)
	}
	if depth > 0 {
		s += fmt.Sprintf(" @ d%d", depth)
	}
	return s
}

// bench is a run for one thread count.
type bench struct {
	o      *Options
	limit  int // positions the model was made for; 0: no limit
	tests  []test
	m      *runtime.Model
	all    []*runtime.Session // as many as a test has wanted
	held   int64              // bytes of the states behind the last repetition
	ops    *opClock
	row    func(Row) error
	ids    []int32
	thread int
}

// Check refuses options that mean nothing.
func (o *Options) Check() error {
	if len(o.Prompts)+len(o.Gens) == 0 || len(o.Depths) == 0 || len(o.Threads) == 0 {
		return fmt.Errorf("nothing to measure: no prompt and no generation length, no depth, or no thread count")
	}
	for _, l := range []struct {
		what string
		low  int
		n    []int
	}{{"prompt length", 1, o.Prompts}, {"generation length", 1, o.Gens}, {"depth", 0, o.Depths}, {"thread count", 0, o.Threads}, {"number of sessions", 1, o.Sessions}, {"number of repetitions", 1, []int{o.Reps}}} {
		for _, n := range l.n {
			if n < l.low || n > math.MaxInt32 {
				return fmt.Errorf("%s %d, want at least %d", l.what, n, l.low)
			}
		}
	}
	return nil
}

// Run measures p and hands out each row when it is done. p stays open.
func Run(ctx context.Context, p *runtime.Program, o Options, row func(Row) error) error {
	if err := o.Check(); err != nil {
		return err
	}
	o.Depths = slices.Compact(slices.Sorted(slices.Values(o.Depths)))
	var tests []test
	for _, n := range o.Prompts {
		tests = append(tests, test{false, n, 1})
	}
	if len(o.Sessions) == 0 {
		o.Sessions = []int{1}
	}
	for _, n := range o.Gens {
		for _, many := range o.Sessions {
			tests = append(tests, test{true, n, many})
		}
	}
	shared := *p
	shared.Close = nil
	for _, threads := range o.Threads {
		b := &bench{o: &o, limit: p.Meta.ContextLength, tests: tests, row: row, thread: threads}
		if err := b.run(ctx, &shared); err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether a test fits the context behind depth tokens.
func (b *bench) fits(t test, depth int) bool { return b.limit == 0 || depth <= b.limit-t.n }

func (b *bench) run(ctx context.Context, p *runtime.Program) error {
	need := 1
	for _, d := range b.o.Depths {
		for _, t := range b.tests {
			if b.fits(t, d) {
				need = max(need, d+t.n)
			}
		}
	}
	o := runtime.Options{Backend: b.o.Backend, Threads: b.thread, MaxChunk: b.o.Chunk, MaxRows: max(runtime.DefaultRows, slices.Max(b.o.Sessions)), Context: need, KVType: b.o.KVType,
		MaxMemory: b.o.MaxMemory, MaxSessions: slices.Max(b.o.Sessions)}
	if b.o.Ops {
		b.ops = newOpClock()
		o.Timing = b.ops.add
	}
	var err error
	if b.m, err = runtime.New(p, o); err != nil {
		return err
	}
	defer b.m.Close()
	if m := b.m.Options().MaxChunk; slices.Max(b.o.Sessions) > m {
		return fmt.Errorf("%d sessions in steps of at most %d tokens: use a larger chunk", slices.Max(b.o.Sessions), m)
	}
	b.ids = walk(need, p.Meta.Vocab)
	for _, d := range b.o.Depths {
		if err := b.depth(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// walk is n pseudo-random token ids.
func walk(n, vocab int) []int32 {
	ids := make([]int32, n)
	x := uint32(1)
	for i := range ids {
		x = x*1664525 + 1013904223
		ids[i] = int32(uint64(x) * uint64(vocab) >> 32)
	}
	return ids
}

// depth runs all tests behind d tokens.
func (b *bench) depth(ctx context.Context, d int) error {
	for _, t := range b.tests {
		r := Row{Threads: b.thread, Chunk: b.m.Options().MaxChunk, KVType: b.m.Options().KVType, Depth: d, Sessions: t.sessions, Test: t.name(d)}
		if t.gen {
			r.Gen = t.n
		} else {
			r.Prompt = t.n
		}
		if !b.fits(t, d) {
			r.Error = fmt.Sprintf("needs %d positions, the model was made for %d", d+t.n, b.limit)
		} else if err := b.fill(ctx, d, t.sessions); err != nil {
			return err
		} else if err := b.measure(ctx, t, &r); err != nil {
			return fmt.Errorf("%s: %w", r.Test, err)
		}
		if err := b.row(r); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) progress(format string, args ...any) {
	if b.o.Progress != nil {
		b.o.Progress(fmt.Sprintf(format, args...))
	}
}

// fill makes the first sessions hold d tokens, each others.
func (b *bench) fill(ctx context.Context, d, sessions int) error {
	for len(b.all) < sessions {
		s, err := b.m.NewSession()
		if err != nil {
			return err
		}
		b.all = append(b.all, s)
	}
	for i, s := range b.all[:sessions] {
		for s.Len() < d {
			b.progress("filling the cache of session %d: %d of %d tokens", i+1, s.Len(), d)
			n := min(b.m.Options().MaxChunk, d-s.Len())
			if err := s.Extend(ctx, b.tokens(i, s.Len(), n)); err != nil {
				return fmt.Errorf("filling the cache to %d tokens: %w", d, err)
			}
		}
	}
	return nil
}

// tokens are n ids of a session from position at on. Sessions walk the same
// ring of ids from other starts.
func (b *bench) tokens(session, at, n int) []int32 {
	if session == 0 {
		return b.ids[at : at+n]
	}
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = b.ids[(at+i+97*session)%len(b.ids)]
	}
	return ids
}

// measure warms up, then repeats t from the session as it is.
func (b *bench) measure(ctx context.Context, t test, r *Row) error {
	b.progress("%s: warming up", r.Test)
	warm := t
	warm.n = min(t.n, b.m.Options().MaxChunk)
	if t.gen {
		warm.n = 1
	}
	if _, err := b.once(ctx, warm); err != nil {
		return err
	}
	if b.ops != nil {
		b.ops.reset()
	}
	for i := range b.o.Reps {
		b.progress("%s: %d of %d", r.Test, i+1, b.o.Reps)
		took, err := b.once(ctx, t)
		if err != nil {
			return err
		}
		r.Samples = append(r.Samples, float64(t.n*t.sessions)/took.Seconds())
	}
	r.StateBytes = b.held
	r.Speed, r.StdDev = meanSD(r.Samples)
	if b.ops != nil {
		r.Ops = b.ops.times(b.m, b.o.Reps)
	}
	return nil
}

// once runs t and rewinds.
func (b *bench) once(ctx context.Context, t test) (time.Duration, error) {
	if t.sessions > 1 {
		return b.together(ctx, t)
	}
	s := b.all[0]
	d := s.Len()
	ids := b.ids[d : d+t.n]
	step := t.n
	if t.gen {
		step = 1
	}
	start := time.Now()
	for at := 0; at < len(ids); at += step {
		if _, err := s.Prefill(ctx, ids[at:at+step], nil); err != nil {
			return 0, err
		}
	}
	took := time.Since(start)
	return max(took, time.Nanosecond), b.rewind(ctx, b.all[:1], d)
}

// rewind notes what the states of the sessions hold and takes them back to d
// tokens.
func (b *bench) rewind(ctx context.Context, sessions []*runtime.Session, d int) error {
	b.held = 0
	for _, s := range sessions {
		b.held += s.State().Memory().Fair
	}
	for _, s := range sessions {
		if err := s.Rewind(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// together generates in several sessions, a token of each in every step.
func (b *bench) together(ctx context.Context, t test) (time.Duration, error) {
	sessions := b.all[:t.sessions]
	d := sessions[0].Len()
	batch := make([]runtime.Append, t.sessions)
	ids := make([][]int32, t.sessions)
	for i, s := range sessions {
		batch[i] = runtime.Append{Session: s, Rows: []runtime.Row{{}}}
		ids[i] = b.tokens(i, d, t.n)
	}
	start := time.Now()
	for at := range t.n {
		for i := range batch {
			batch[i].IDs = ids[i][at : at+1]
		}
		out, err := b.m.Step(ctx, batch)
		if err != nil {
			return 0, err
		}
		for i := range out {
			if out[i].Err != nil {
				return 0, fmt.Errorf("session %d: %w", i+1, out[i].Err)
			}
		}
	}
	took := time.Since(start)
	return max(took, time.Nanosecond), b.rewind(ctx, sessions, d)
}

// meanSD gives the mean and the sample standard deviation.
func meanSD(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	if len(x) < 2 {
		return mean, 0
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(sd / float64(len(x)-1))
}
