package scheduler_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/scheduler"
)

// ways are the calls whose prompt several steps may take.
func ways(ctx context.Context) map[string]func(s *scheduler.Session, prompt []int32) error {
	return map[string]func(s *scheduler.Session, prompt []int32) error{
		"Generate": func(s *scheduler.Session, prompt []int32) error {
			_, err := collect(s.Generate(ctx, prompt, runtime.GenerateOptions{IgnoreEOS: true}))
			return err
		},
		"Prefill": func(s *scheduler.Session, prompt []int32) error {
			_, err := s.Prefill(ctx, prompt, nil)
			return err
		},
		"Extend": func(s *scheduler.Session, prompt []int32) error { return s.Extend(ctx, prompt) },
	}
}

// TestCloseDivided: a prompt that is spread over several steps ends with the one that runs
// when the scheduler is closed, whoever leads that.
func TestCloseDivided(t *testing.T) {
	for name, call := range ways(t.Context()) {
		for at := range 4 { // steps in front of the one that Close comes in
			w := newWatch()
			c := share(t, w, runtime.Options{}, scheduler.Options{PrefillTokens: 1})
			decodes, reads := session(t, c), session(t, c)
			g := newGate(w)
			errs := make(chan error, 2)
			go func() {
				_, err := collect(decodes.Generate(t.Context(), ids(1, 1), runtime.GenerateOptions{IgnoreEOS: true}))
				errs <- err
			}()
			<-g.reached // of the first step
			go func() { errs <- call(reads, ids(2, 50)) }()
			waiting(c, 1)
			g.pass <- struct{}{}
			g.through(at)
			<-g.reached
			closed := make(chan error)
			go func() { closed <- c.Close() }()
			for !c.Closed() {
				time.Sleep(20 * time.Microsecond)
			}
			w.before = nil
			g.pass <- struct{}{}
			if err := <-closed; err != nil {
				t.Error(err)
			}
			for range 2 {
				if err := ends(t, errs); !errors.Is(err, backend.ErrClosed) {
					t.Errorf("%s, closed in step %d: %v", name, at+1, err)
				}
			}
		}
	}
}

// ends is the next error of a call, which must not hang.
func ends(t *testing.T, errs <-chan error) error {
	t.Helper()
	select {
	case err := <-errs:
		return err
	case <-time.After(time.Minute):
		t.Fatal("a call hangs behind Close")
		return nil
	}
}

// TestCloseAnywhere closes the scheduler at many moments of eight sessions with short
// prompts: none of their calls hangs, and each ends with ErrClosed. The clock is not that
// of the wall, so one that hangs is a deadlock that the test package finds.
func TestCloseAnywhere(t *testing.T) {
	p := program(t, "qwen3-f32-tied", convert.Options{})
	for try := range 60 {
		synctest.Test(t, func(t *testing.T) {
			w := newWatch()
			w.before = func([]int) { time.Sleep(10 * time.Millisecond) }
			m, err := runtime.New(p, runtime.Options{Backend: w, Threads: 1, MaxChunk: 12})
			if err != nil {
				t.Fatal(err)
			}
			c, err := scheduler.New(m, scheduler.Options{PrefillTokens: 1 + try%3})
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			for i := range 8 {
				s := session(t, c)
				group.Go(func() {
					time.Sleep(time.Duration(i*try%17) * time.Millisecond)
					for k := 0; ; k++ {
						for name, call := range ways(t.Context()) {
							if name == "Generate" && k+i%2 == 0 {
								continue // half of them begin with what ends
							}
							err := call(s, ids(i+k, 1+(5*i+k)%9))
							var full *runtime.ContextError
							if errors.As(err, &full) {
								err = s.Rewind(t.Context(), 0)
							}
							if errors.Is(err, backend.ErrClosed) {
								return
							}
							if err != nil {
								t.Error(err)
								return
							}
						}
					}
				})
			}
			time.Sleep(time.Duration(5+7*try) * time.Millisecond)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			group.Wait()
		})
	}
}

// TestNil: a model or a context that is nil is an error, and nothing has changed.
func TestNil(t *testing.T) {
	if c, err := scheduler.New(nil, scheduler.Options{}); err == nil || !strings.Contains(err.Error(), "nil") {
		t.Errorf("no model: %v, %v", c, err)
	}
	c := share(t, nil, runtime.Options{}, scheduler.Options{})
	s := session(t, c)
	if err := s.Extend(t.Context(), ids(1, 3)); err != nil {
		t.Fatal(err)
	}
	var none context.Context
	calls := ways(none)
	calls["NewSession"] = func(*scheduler.Session, []int32) error { _, err := c.NewSession(none); return err }
	calls["Rewind"] = func(s *scheduler.Session, _ []int32) error { return s.Rewind(none, 1) }
	calls["Save"] = func(s *scheduler.Session, _ []int32) error { _, _, err := s.Save(none); return err }
	calls["Load"] = func(s *scheduler.Session, _ []int32) error { return s.Load(none, nil, nil) }
	for name, call := range calls {
		if err := call(s, ids(2, 4)); err == nil || !strings.Contains(err.Error(), "the context is nil") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Extend(t.Context(), ids(1, 3)); err != nil || s.Len() != 6 {
		t.Errorf("behind nil contexts: %v, %d tokens", err, s.Len())
	}
}
