package cpu

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tessera-llm/tessera/internal/crash"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// pool runs task lists on n workers: the caller and n-1 goroutines.
//
// Items of a task are claimed from one counter, in chunks that become smaller
// towards the end, so that all workers end together. A task is over when
// all its items are done, whoever did them, and only then may items of the
// next one be claimed. So nobody waits for a worker that the system has taken
// off its core, except for the chunk it may be holding: on a busy machine the
// others do its share. Waiting workers poll for a moment, then sleep; an idle
// pool costs nothing.
//
// A worker may be lists behind. It then finds another epoch in every counter,
// claims nothing and catches up.
type pool struct {
	n       int
	scratch [][]byte // per worker

	epoch  atomic.Uint64 // number of the list in work
	work   atomic.Pointer[work]
	closed atomic.Bool
	fail   atomic.Pointer[fault]

	mu     sync.Mutex
	idle   sleepers // between lists
	busy   sleepers // inside a list, behind a task
	exited sync.WaitGroup
}

type fault struct{ err error }

// sleepers are parked workers; count is read without the lock by whoever may
// have to wake them.
type sleepers struct {
	count atomic.Int32
	cond  *sync.Cond
}

// work is a list of tasks with their counters. It belongs to one pool.
type work struct {
	tasks []kernel.Task
	sync  []taskSync
}

func newWork(tasks []kernel.Task) *work {
	return &work{tasks: tasks, sync: make([]taskSync, len(tasks))}
}

// taskSync counts the items of a task: epoch<<32 | first unclaimed item, and
// items done. They lie on different cache lines.
type taskSync struct {
	next  atomic.Uint64
	items atomic.Int32
	_     [116]byte
	done  atomic.Int32
	_     [124]byte
}

const (
	pollTask = 40 * time.Microsecond  // polling for the end of a task before sleeping
	pollList = 100 * time.Microsecond // polling for the next list before sleeping
	maxItems = 1<<31 - 1              // of a task; as a counter, that of a closed one
)

func newPool(n int) *pool {
	p := &pool{n: n, scratch: make([][]byte, n)}
	p.idle.cond, p.busy.cond = sync.NewCond(&p.mu), sync.NewCond(&p.mu)
	for w := 1; w < n; w++ {
		p.exited.Add(1)
		go p.worker(w)
	}
	return p
}

// close ends the workers. No list may be running. Closing twice is harmless.
func (p *pool) close() {
	p.closed.Store(true)
	p.wake(&p.idle)
	p.wake(&p.busy) // sleepers inside a list that was cut short
	p.exited.Wait()
}

// reserve makes room for size bytes of scratch per worker.
func (p *pool) reserve(size int) {
	for w := range p.scratch {
		if len(p.scratch[w]) < size {
			p.scratch[w] = kernel.AlignedBytes(size)
		}
	}
}

// run executes prepared tasks in order. It returns ctx's error when it finds ctx
// ended behind a task, and an error when a mapped file could not be read. Then
// no worker is inside a task any more. Behind a fault no later task was begun; when
// ctx ended, other workers may be ahead of the caller: whole tasks behind the one
// it looks up from, and items of one more.
func (p *pool) run(ctx context.Context, wk *work) error {
	p.fail.Store(nil)
	e := p.epoch.Load() + 1
	for i, t := range wk.tasks {
		n := t.Items()
		if n < 0 || n > maxItems {
			return fmt.Errorf("task %d (%T) has %d items", i, t, n)
		}
		s := &wk.sync[i]
		s.next.Store(e << 32) // first, so that a late worker cannot claim by the old counter and the new number
		s.done.Store(0)
		s.items.Store(int32(n))
	}
	p.work.Store(wk)
	p.epoch.Store(e)
	p.wake(&p.idle)
	p.wake(&p.busy) // those still waiting inside a list that was cut short
	done := ctx.Done()
	for i := range wk.tasks {
		p.share(0, e, wk, i)
		p.await(e, &wk.sync[i])
		if p.fail.Load() != nil {
			p.stop(wk, i+1)
			return p.fail.Load().err
		}
		select {
		case <-done:
			p.stop(wk, i+1)
			return ctx.Err()
		default:
		}
	}
	return nil
}

// stop closes the tasks from first on and waits for items that had been
// claimed. It is the rare way out, so it polls coarsely.
func (p *pool) stop(wk *work, first int) {
	for i := first; i < len(wk.sync); i++ {
		s := &wk.sync[i]
		v := s.next.Load()
		for !s.next.CompareAndSwap(v, v|maxItems) {
			v = s.next.Load()
		}
		for claimed := int32(v & maxItems); s.done.Load() < claimed; {
			time.Sleep(10 * time.Microsecond)
		}
	}
}

func (p *pool) worker(w int) {
	defer p.exited.Done()
	for last := uint64(0); ; {
		e := p.nextList(last)
		if e == last {
			return
		}
		last = e
		wk := p.work.Load()
		for i := range wk.tasks {
			p.share(w, e, wk, i)
			if !p.await(e, &wk.sync[i]) || p.fail.Load() != nil {
				break
			}
		}
	}
}

// nextList waits for a list after last and returns its number, last when the
// pool is closed.
func (p *pool) nextList(last uint64) uint64 {
	news := func() bool { return p.epoch.Load() != last || p.closed.Load() }
	p.wait(&p.idle, pollList, news)
	return p.epoch.Load()
}

// await waits until the task of s is over, or the pool closed. It reports
// false when list e is over.
func (p *pool) await(e uint64, s *taskSync) bool {
	over := func() bool { return s.done.Load() >= s.items.Load() || p.epoch.Load() != e || p.closed.Load() }
	if !over() {
		p.wait(&p.busy, pollTask, over)
	}
	return p.epoch.Load() == e
}

// wait polls until ready, at most for the given time, then sleeps among q.
func (p *pool) wait(q *sleepers, poll time.Duration, ready func() bool) {
	deadline := time.Now().Add(poll)
	for i := 1; ; i++ {
		if ready() {
			return
		}
		if i%128 == 0 {
			if time.Now().After(deadline) {
				break
			}
			if p.n > runtime.GOMAXPROCS(0) {
				runtime.Gosched()
			}
		}
	}
	p.mu.Lock()
	q.count.Add(1)
	for !ready() {
		q.cond.Wait()
	}
	q.count.Add(-1)
	p.mu.Unlock()
}

// wake wakes all of q. What they wait for must have been stored before.
func (p *pool) wake(q *sleepers) {
	if q.count.Load() > 0 {
		p.mu.Lock()
		p.mu.Unlock()
		q.cond.Broadcast()
	}
}

// share takes items of task i until none are left. A fault on a mapped file and
// a panic of a kernel become the list's error; it is noted before its items count
// as done, so nobody goes on to the next task without seeing it.
func (p *pool) share(w int, e uint64, wk *work, i int) {
	s := &wk.sync[i]
	for {
		v := s.next.Load()
		if v>>32 != e&(1<<32-1) {
			return
		}
		lo, items := int32(v&(1<<32-1)), s.items.Load()
		if lo >= items {
			return
		}
		hi := lo + max(1, (items-lo)/int32(4*p.n))
		if !s.next.CompareAndSwap(v, v+uint64(hi-lo)) {
			continue
		}
		if err := guarded(wk.tasks[i], int(lo), int(hi), p.scratch[w]); err != nil {
			p.fail.CompareAndSwap(nil, &fault{err})
		}
		if s.done.Add(hi-lo) == items {
			p.wake(&p.busy)
		}
	}
}

// guarded runs items of a task.
func guarded(t kernel.Task, lo, hi int, scratch []byte) (err error) {
	defer crash.Catch(&err, func() string { return fmt.Sprintf("%T, items %d to %d", t, lo, hi-1) })
	return mmap.Guard(func() error { t.Run(lo, hi, scratch); return nil })
}
