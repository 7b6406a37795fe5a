package scheduler_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/backendtest"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/scheduler"
)

// gate lets a test hold steps.
type gate struct{ reached, pass chan struct{} }

func newGate(w *watch) *gate {
	g := &gate{make(chan struct{}), make(chan struct{})}
	w.before = func([]int) { g.reached <- struct{}{}; <-g.pass }
	return g
}

// through lets n steps pass.
func (g *gate) through(n int) {
	for range n {
		<-g.reached
		g.pass <- struct{}{}
	}
}

// waiting waits until n sessions wait for a step.
func waiting(c *scheduler.Scheduler, n int) {
	for c.Waiting() != n {
		time.Sleep(20 * time.Microsecond)
	}
}

// wanted is what a session of its own generates.
func wanted(t *testing.T, prompt []int32, n int) []runtime.Token {
	t.Helper()
	s, err := model(t, program(t, "qwen3-f32-tied", convert.Options{}), runtime.Options{Threads: 1}).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	all, err := collect(s.Generate(t.Context(), prompt, runtime.GenerateOptions{MaxTokens: n, IgnoreEOS: true}))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPrefillTokens: beside decode a step takes no more prompt tokens than it may, without
// it as many as the model; prompts that wait go on in the order in which they came.
func TestPrefillTokens(t *testing.T) {
	p := program(t, "qwen3-f32-tied", convert.Options{})
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		w.before = func([]int) { time.Sleep(80 * time.Millisecond) }
		c := shareModel(t, model(t, p, runtime.Options{Backend: w, Threads: 1, MaxChunk: 120}), scheduler.Options{PrefillTokens: 6})
		a, b, d := session(t, c), session(t, c), session(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		var prompts, group sync.WaitGroup
		group.Go(func() { // decodes as long as the others read
			if _, err := collect(a.Generate(ctx, ids(1, 30), runtime.GenerateOptions{IgnoreEOS: true})); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		for i, s := range []*scheduler.Session{b, d} {
			time.Sleep(10 * time.Millisecond)
			prompts.Go(func() {
				if err := s.Extend(t.Context(), ids(2, 100-50*i)); err != nil {
					t.Error(err)
				}
			})
		}
		prompts.Wait()
		cancel()
		group.Wait()
		ofA, ofB, ofD := w.of(a), w.of(b), w.of(d)
		read := [2]int{}
		for i := range ofA {
			if i == 0 {
				continue // the prompt of a
			}
			if n := ofB[i] + ofD[i]; read[0]+read[1] < 144 && (ofA[i] != 1 || n != 6) {
				t.Errorf("step %d: %d tokens of the one that decodes, %d prompt tokens", i, ofA[i], n)
			}
			if read[0] += ofB[i]; ofD[i] > 0 && read[0] < 100 {
				t.Errorf("step %d: the second prompt goes on behind %d tokens of the first", i, read[0])
			}
			read[1] += ofD[i]
		}
		if read != [2]int{100, 50} {
			t.Errorf("%v prompt tokens", read)
		}
		// Alone, prompts fill the steps.
		before := w.count()
		if err := session(t, c).Extend(t.Context(), ids(4, 300)); err != nil {
			t.Fatal(err)
		}
		if got := w.made()[before:]; len(got) != 3 || got[0][0] != 120 || got[1][0] != 120 || got[2][0] != 60 {
			t.Errorf("a prompt alone: %v", got)
		}
	})
}

// TestCancel: an append that waits leaves at once; one in a step is taken back behind it;
// the others notice neither, and the memory is back.
func TestCancel(t *testing.T) {
	w := newWatch()
	c := share(t, w, runtime.Options{MaxChunk: 64}, scheduler.Options{PrefillTokens: 30})
	a, b := session(t, c), session(t, c)
	if err := b.Extend(t.Context(), ids(5, 20)); err != nil {
		t.Fatal(err)
	}
	g := newGate(w)
	got := make(chan []runtime.Token)
	go func() {
		all, err := collect(a.Generate(t.Context(), ids(1, 10), runtime.GenerateOptions{MaxTokens: 4, IgnoreEOS: true}))
		if err != nil {
			t.Error(err)
		}
		got <- all
	}()
	failed := make(chan error)
	cancelled := func() context.CancelFunc {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := b.Prefill(ctx, ids(6, 30), nil)
			failed <- err
		}()
		waiting(c, 1)
		return cancel
	}
	<-g.reached // a's prompt
	cancelled()()
	if err := <-failed; !errors.Is(err, context.Canceled) || b.Len() != 20 { // while the step stands
		t.Errorf("cancelled while it waits: %v, %d tokens", err, b.Len())
	}
	if n := c.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
	cancel := cancelled()
	g.pass <- struct{}{}
	<-g.reached // a's first token and b's prompt
	cancel()
	select {
	case err := <-failed:
		t.Errorf("%v, but the step runs", err)
	case <-time.After(time.Millisecond):
	}
	g.pass <- struct{}{}
	if err := <-failed; !errors.Is(err, context.Canceled) || b.Len() != 20 {
		t.Errorf("cancelled in a step: %v, %d tokens", err, b.Len())
	}
	g.through(2)
	if all := <-got; !slices.Equal(all, wanted(t, ids(1, 10), 4)) {
		t.Errorf("the other session says %v", all)
	}
	last := w.made()
	if !slices.Equal(last[2], []int{1, 30}) {
		t.Errorf("steps %v: the cancelled append was in none", last)
	}
	w.before = nil
	if _, err := b.Prefill(t.Context(), ids(7, 3), nil); err != nil || b.Len() != 23 {
		t.Errorf("behind that: %v, %d tokens", err, b.Len())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	steps := w.count()
	_, err1 := b.Prefill(ended, ids(1, 3), nil)
	_, err2 := c.NewSession(ended)
	if !errors.Is(err1, context.Canceled) || !errors.Is(err2, context.Canceled) || w.count() != steps {
		t.Errorf("with a context that is over: %v, %v, %d steps", err1, err2, w.count()-steps)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if n, bytes := w.held(); n != 0 || bytes != 0 {
		t.Errorf("%d states of %d bytes are left", n, bytes)
	}
}

// TestFaultsStayHome: a full context, a bad id, logits that are NaN, adjustments that leave
// nothing end their session's call alone.
func TestFaultsStayHome(t *testing.T) {
	p := program(t, "qwen2-f32", convert.Options{})
	p.Weights = nanRow{p.Weights}
	c := shareModel(t, model(t, p, runtime.Options{Threads: 1, Context: 60, MaxChunk: 32}), scheduler.Options{})
	type fault struct {
		call func(s *scheduler.Session) error
		is   func(error) bool
	}
	generate := func(prompt []int32, o runtime.GenerateOptions) func(s *scheduler.Session) error {
		return func(s *scheduler.Session) error {
			_, err := collect(s.Generate(t.Context(), prompt, o))
			return err
		}
	}
	faults := []fault{
		{generate(ids(1, 40), runtime.GenerateOptions{IgnoreEOS: true}), func(err error) bool {
			var full *runtime.ContextError
			return errors.As(err, &full)
		}},
		{generate([]int32{1, 2, 1000}, runtime.GenerateOptions{}), func(err error) bool { return strings.Contains(err.Error(), "token id 1000") }},
		{generate([]int32{1, nanID, 2}, runtime.GenerateOptions{}), func(err error) bool { return errors.Is(err, runtime.ErrNaN) }},
		{generate([]int32{1}, runtime.GenerateOptions{Bias: map[int32]float32{3: float32(math.Inf(1))}}), func(err error) bool { return errors.Is(err, runtime.ErrAdjusted) }},
		{generate(nil, runtime.GenerateOptions{}), func(err error) bool { return strings.Contains(err.Error(), "no tokens") }},
	}
	good := func() []runtime.Token {
		s := session(t, c)
		defer s.Close()
		all, err := collect(s.Generate(t.Context(), ids(9, 12), runtime.GenerateOptions{MaxTokens: 40, IgnoreEOS: true}))
		if err != nil {
			t.Error(err)
		}
		return all
	}
	want := good()
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if got := good(); !slices.Equal(got, want) {
				t.Errorf("beside faults %v, want %v", got, want)
			}
		})
	}
	for i, f := range faults {
		s := session(t, c)
		group.Go(func() {
			for range 5 {
				if err := f.call(s); err == nil || !f.is(err) {
					t.Errorf("fault %d: %v", i, err)
				}
				if err := s.Rewind(t.Context(), 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

const nanID = 77

// nanRow makes the embedding of one id NaN.
type nanRow struct{ backend.Weights }

func (w nanRow) Bytes(segment string, x *ir.Weight) ([]byte, error) {
	b, err := w.Weights.Bytes(segment, x)
	if err != nil || segment != "embed" {
		return b, err
	}
	b = slices.Clone(b)
	row := len(b) / int(x.Shape[0])
	for i := nanID * row; i < (nanID+1)*row; i++ {
		b[i] = 0xff
	}
	return b, nil
}

// TestLate: when a run of the device fails, all sessions of its step are told and are as
// before, and what comes behind it works.
func TestLate(t *testing.T) {
	for failAt := 1; failAt <= 13; failAt += 4 {
		late := &watch{Backend: backendtest.Late{Inner: cpu.Backend{}, FailAt: failAt}, states: map[*watchedState]bool{}}
		c := share(t, late, runtime.Options{}, scheduler.Options{})
		var all [3]*scheduler.Session
		for i := range all {
			all[i] = session(t, c)
		}
		g := newGate(late)
		var errs [3]error
		var group sync.WaitGroup
		for i, s := range all {
			group.Go(func() {
				_, errs[i] = collect(s.Generate(t.Context(), ids(i, 5), runtime.GenerateOptions{MaxTokens: 6, IgnoreEOS: true}))
			})
			if i == 0 {
				<-g.reached
			}
		}
		waiting(c, 2)
		late.before = nil
		g.pass <- struct{}{}
		group.Wait()
		failed := 0
		for i, s := range all {
			if errs[i] != nil {
				failed++
				if !errors.Is(errs[i], backendtest.ErrLate) {
					t.Errorf("run %d fails: %v", failAt, errs[i])
				}
			}
			s.Rewind(t.Context(), 0)
			got, err := collect(s.Generate(t.Context(), ids(i, 5), runtime.GenerateOptions{MaxTokens: 6, IgnoreEOS: true}))
			if err != nil || !slices.Equal(got, wanted(t, ids(i, 5), 6)) {
				t.Errorf("behind the failure of run %d: %v, %v", failAt, got, err)
			}
		}
		if failed == 0 {
			t.Errorf("run %d failed and nobody was told", failAt)
		}
	}
}

// TestClose: what waits ends at once, the step that runs is waited for, and behind that
// everything is an error that is ErrClosed.
func TestClose(t *testing.T) {
	w := newWatch()
	c := share(t, w, runtime.Options{}, scheduler.Options{})
	a, b, idle := session(t, c), session(t, c), session(t, c)
	g := newGate(w)
	errs := make(chan error, 3)
	go func() {
		_, err := collect(a.Generate(t.Context(), ids(1, 5), runtime.GenerateOptions{IgnoreEOS: true}))
		errs <- err
	}()
	<-g.reached
	go func() { errs <- b.Extend(t.Context(), ids(2, 5)) }()
	waiting(c, 1)
	go func() { _, err := idle.Fork(); errs <- err }()
	waiting(c, 2)
	closed := make(chan error)
	go func() { closed <- c.Close() }()
	for range 2 { // b and the fork, while the step stands
		if err := <-errs; !errors.Is(err, backend.ErrClosed) {
			t.Errorf("what waited: %v", err)
		}
	}
	select {
	case <-closed:
		t.Error("closed within a step")
	default:
	}
	w.before = nil
	g.pass <- struct{}{}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := <-errs; !errors.Is(err, backend.ErrClosed) || a.Len() != 5 {
		t.Errorf("what ran: %v, %d tokens", err, a.Len())
	}
	_, err1 := c.NewSession(t.Context())
	_, err2 := a.Prefill(t.Context(), ids(1, 2), nil)
	_, err3 := collect(a.Generate(t.Context(), ids(1, 2), runtime.GenerateOptions{}))
	_, err4 := a.Fork()
	for i, err := range []error{err1, err2, err3, err4, a.Extend(t.Context(), ids(1, 2)), a.Rewind(t.Context(), 1), a.Snapshot()} {
		if !errors.Is(err, backend.ErrClosed) {
			t.Errorf("call %d behind Close: %v", i, err)
		}
	}
	if err := errors.Join(a.Close(), a.Close(), c.Close()); err != nil {
		t.Errorf("closing again: %v", err)
	}
	_, err := a.Prefill(t.Context(), ids(1, 2), nil)
	if !errors.Is(err, backend.ErrClosed) {
		t.Errorf("a session that has been closed: %v", err)
	}
}

// TestInUse: a second use of a session at the same time is an error, and its own
// functions may use it.
func TestInUse(t *testing.T) {
	w := newWatch()
	c := share(t, w, runtime.Options{MaxChunk: 8}, scheduler.Options{})
	s := session(t, c)
	g := newGate(w)
	first := make(chan error)
	go func() { first <- s.Extend(t.Context(), ids(1, 8)) }()
	<-g.reached
	_, err1 := s.Prefill(t.Context(), ids(1, 2), nil)
	_, err2 := collect(s.Generate(t.Context(), ids(1, 2), runtime.GenerateOptions{}))
	_, err3 := s.Fork()
	for i, err := range []error{err1, err2, err3, s.Extend(t.Context(), ids(1, 2)), s.Rewind(t.Context(), 0), s.Snapshot(), s.Close(), s.SetAdjustments(runtime.Adjustments{})} {
		if err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("call %d beside another: %v", i, err)
		}
	}
	w.before = nil
	g.pass <- struct{}{}
	if err := <-first; err != nil || s.Len() != 8 {
		t.Errorf("%v, %d tokens", err, s.Len())
	}
	// Progress and the loop's body are outside.
	o := runtime.GenerateOptions{MaxTokens: 5, IgnoreEOS: true, Progress: func(done, total int) {
		if total != 20 || s.Len() != 8+done {
			t.Errorf("%d of %d done, %d tokens", done, total, s.Len())
		}
	}}
	o.Logits = func(logits []float32) error {
		if n := s.Len(); n < 28 || len(logits) != 256 {
			t.Errorf("%d tokens and %d logits in the hook", n, len(logits))
		}
		return nil
	}
	n := 0
	for _, err := range s.Generate(t.Context(), ids(2, 20), o) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Fork()
		if err == nil {
			err = errors.Join(f.Extend(t.Context(), ids(3, 2)), f.Close())
		}
		if err != nil || s.Len() != 28+n {
			t.Errorf("in the loop: %v, %d tokens", err, s.Len())
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d tokens", n)
	}
	// A body that closes the session.
	var last error
	for _, err := range s.Generate(t.Context(), ids(2, 2), runtime.GenerateOptions{IgnoreEOS: true}) {
		if last = err; err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if !errors.Is(last, backend.ErrClosed) {
		t.Errorf("closed in the loop: %v", last)
	}
}

// TestPanics: a panic of the user's is that of the goroutine that called, and the
// scheduler goes on.
func TestPanics(t *testing.T) {
	c := share(t, nil, runtime.Options{MaxChunk: 8}, scheduler.Options{})
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() {
			got, err := collect(session(t, c).Generate(t.Context(), ids(i, 10), runtime.GenerateOptions{MaxTokens: 60, IgnoreEOS: true}))
			if err != nil || !slices.Equal(got, wanted(t, ids(i, 10), 60)) {
				t.Errorf("beside panics: %v, %v", got, err)
			}
		})
	}
	for i, call := range []func(s *scheduler.Session){
		func(s *scheduler.Session) { s.Prefill(t.Context(), ids(1, 20), func(int) { panic("enough") }) },
		func(s *scheduler.Session) {
			for range s.Generate(t.Context(), ids(1, 20), runtime.GenerateOptions{IgnoreEOS: true}) {
				panic("enough")
			}
		},
		func(s *scheduler.Session) {
			o := runtime.GenerateOptions{Logits: func([]float32) error { panic("enough") }}
			collect(s.Generate(t.Context(), ids(1, 20), o))
		},
		func(s *scheduler.Session) {
			scheduler.Inner(s).Logits(t.Context(), ids(1, 3), func(int, []float32) error { panic("enough") })
		},
	} {
		group.Go(func() {
			s := session(t, c)
			for range 5 {
				func() {
					defer func() {
						if r := recover(); r != "enough" {
							t.Errorf("call %d: recovered %v", i, r)
						}
					}()
					call(s)
				}()
				if err := s.Rewind(t.Context(), 0); err != nil {
					t.Errorf("behind panic %d: %v", i, err)
				}
			}
		})
	}
	group.Wait()
}

// TestFull: no more sessions than may be, forks included.
func TestFull(t *testing.T) {
	w := newWatch()
	c := share(t, w, runtime.Options{}, scheduler.Options{MaxSessions: 3})
	a, b := session(t, c), session(t, c)
	f, err := a.Fork()
	if err != nil {
		t.Fatal(err)
	}
	var full *scheduler.FullError
	if _, err := c.NewSession(t.Context()); !errors.As(err, &full) || full.Max != 3 {
		t.Errorf("one too many: %v", err)
	}
	if _, err := b.Fork(); !errors.As(err, &full) {
		t.Errorf("one fork too many: %v", err)
	}
	if n, _ := w.held(); n != 3 {
		t.Errorf("%d states", n)
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	session(t, c)
	if _, err := c.NewSession(t.Context()); !errors.As(err, &full) {
		t.Errorf("one too many: %v", err)
	}
	sum, err := c.Model().Memory(runtime.Load{Sessions: 2})
	if err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]int{0: 2, 1: 1, 3: 2} {
		c := share(t, newWatch(), runtime.Options{}, scheduler.Options{MaxSessions: most, MaxMemory: sum.Sum})
		if n := c.Options().MaxSessions; n != want {
			t.Errorf("%d sessions where two fit and %d are allowed, want %d", n, most, want)
		}
	}
	closed := 0
	p := program(t, "qwen3-f32-tied", convert.Options{})
	p.Close = func() error { closed++; return nil }
	if _, err := scheduler.New(model(t, p, runtime.Options{}), scheduler.Options{PrefillTokens: -1}); err == nil || closed != 1 {
		t.Errorf("-1 prompt tokens: %v, the program was closed %d times", err, closed)
	}
	p = program(t, "qwen3-f32-tied", convert.Options{})
	p.Close = func() error { closed++; return nil }
	var no *runtime.MemoryError
	if _, err := scheduler.New(model(t, p, runtime.Options{}), scheduler.Options{MaxMemory: 1 << 20}); !errors.As(err, &no) || closed != 2 {
		t.Errorf("one MiB: %v, the programs were closed %d times", err, closed)
	}
}

// TestJoin: sessions that ask again at once are all in every step; one that is slow holds
// nobody up, and nobody it. The clock is not that of the wall.
func TestJoin(t *testing.T) {
	p := program(t, "qwen3-f32-tied", convert.Options{})
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		w.before = func([]int) { time.Sleep(80 * time.Millisecond) }
		m, err := runtime.New(p, runtime.Options{Backend: w, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		c, err := scheduler.New(m, scheduler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		type end struct {
			i  int
			at time.Time
		}
		ends := make(chan end)
		run := func(i, n int, pause time.Duration) {
			s := session(t, c)
			go func() {
				defer func() { ends <- end{i, time.Now()} }()
				defer s.Close()
				for _, err := range s.Generate(t.Context(), ids(i, 1), runtime.GenerateOptions{MaxTokens: n, IgnoreEOS: true}) {
					if err != nil {
						t.Error(err)
					}
					time.Sleep(pause)
				}
			}()
		}
		for i := range 8 {
			run(i, 20, time.Millisecond)
		}
		for range 8 {
			<-ends
		}
		full := 0
		for _, step := range w.made() {
			if len(step) == 8 {
				full++
			}
		}
		if n := w.count(); full < 19 || n > 21 {
			t.Errorf("%d steps, %d with all sessions: %v", n, full, w.made())
		}
		if took := time.Since(start); took > 21*81*time.Millisecond {
			t.Errorf("that took %v", took)
		}
		// 100 tokens of the quick one, beside one that is slow 15 times and waited for once.
		start = time.Now()
		run(0, 15, 300*time.Millisecond)
		run(1, 100, 0)
		for range 2 {
			if e := <-ends; e.i == 1 && e.at.Sub(start) > 101*80*time.Millisecond+15*time.Millisecond {
				t.Errorf("100 tokens beside a slow session took %v", e.at.Sub(start))
			}
		}
	})
}

// TestRows: an append that several steps take says what one step says: every row, in its
// place.
func TestRows(t *testing.T) {
	w := newWatch()
	c := share(t, w, runtime.Options{MaxChunk: 64}, scheduler.Options{})
	alone, err := model(t, program(t, "qwen3-f32-tied", convert.Options{}), runtime.Options{Threads: 1}).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	all := func(s *runtime.Session) (said []float32) {
		at := 0
		err := s.Logits(t.Context(), ids(1, 40), func(i int, logits []float32) error {
			if i != at {
				t.Errorf("row %d, want %d", i, at)
			}
			at++
			said = append(said, logits...)
			return nil
		})
		var tops []runtime.Top
		if err == nil {
			tops, err = s.Step(t.Context(), ids(2, 5), []runtime.Row{{At: 4}, {At: 1}, {At: 2, Temperature: 2}})
		}
		if err != nil || len(tops) != 3 {
			t.Error(len(tops), err)
		}
		for _, top := range tops {
			said = append(append(said, top.Logits...), top.LSE, top.LSETemp)
		}
		return said
	}
	g := newGate(w)
	s, first, other := session(t, c), session(t, c), session(t, c)
	var group sync.WaitGroup
	extend := func(s *scheduler.Session, n int) {
		group.Go(func() {
			if err := scheduler.Inner(s).Extend(t.Context(), ids(3, n)); err != nil { // without a ticket, as s
				t.Error(err)
			}
		})
	}
	extend(first, 1)
	<-g.reached
	extend(other, 50)
	waiting(c, 1)
	var got []float32
	group.Go(func() { got = all(scheduler.Inner(s)) }) // the next step has room for 14 tokens
	waiting(c, 2)
	w.before = nil
	g.pass <- struct{}{}
	group.Wait()
	if took := w.of(s); took[1] != 14 {
		t.Fatalf("steps took %v tokens", took)
	}
	if want := all(alone); !slices.EqualFunc(got, want, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }) {
		t.Error("other rows than alone")
	}
}

// TestAllocates: a step of a session that is alone allocates nothing.
func TestAllocates(t *testing.T) {
	c := share(t, nil, runtime.Options{Threads: 2, MaxChunk: 16, Context: 1024}, scheduler.Options{})
	s := session(t, c)
	if err := s.Extend(t.Context(), ids(1, 270)); err != nil {
		t.Fatal(err)
	}
	ctx, one, rows := t.Context(), ids(2, 1), []runtime.Row{{}}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := scheduler.Inner(s).Step(ctx, one, rows); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per step", n)
	}
}
