package cpu

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// pool runs task lists on n workers: the caller and n-1 goroutines. All of
// them walk the same list; between two tasks stands a barrier; inside a task
// items come from an atomic counter. Workers spin briefly between tasks and
// park between lists, so an idle pool costs nothing.
type pool struct {
	n       int
	scratch [][]byte // per worker

	mu     sync.Mutex
	wake   *sync.Cond
	epoch  uint64 // number of the published list
	closed bool
	seen   atomic.Uint64 // epoch, readable without the lock
	exited sync.WaitGroup

	list list
}

// list is one published piece of work.
type list struct {
	tasks []kernel.Task
	sync  []taskSync
	stop  atomic.Int32 // tasks from this index on are not run
	left  paddedInt    // workers that have not finished the list
	fail  atomic.Pointer[fault]
}

type fault struct{ err error }

type paddedInt struct {
	v atomic.Int64
	_ [120]byte
}

// taskSync is the item counter and the barrier of one task.
type taskSync struct {
	next    paddedInt
	arrived paddedInt
}

const (
	spinPolls  = 4000                   // polls of a barrier before yielding
	parkAfter  = 100 * time.Microsecond // idle time before a worker parks
	neverStops = int32(1<<31 - 1)
)

func newPool(n int) *pool {
	p := &pool{n: n, scratch: make([][]byte, n)}
	p.wake = sync.NewCond(&p.mu)
	for w := 1; w < n; w++ {
		p.exited.Add(1)
		go p.worker(w)
	}
	return p
}

// close ends the workers. No list may be running.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wake.Broadcast()
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

// run executes prepared tasks in order. It returns ctx's error when ctx ends
// between two tasks and an error when a task faulted.
func (p *pool) run(ctx context.Context, tasks []kernel.Task) error {
	l := &p.list
	l.tasks = tasks
	if len(l.sync) < len(tasks) {
		l.sync = make([]taskSync, len(tasks))
	}
	for i := range tasks {
		l.sync[i].next.v.Store(0)
		l.sync[i].arrived.v.Store(0)
	}
	l.stop.Store(neverStops)
	l.fail.Store(nil)
	l.left.v.Store(int64(p.n))
	if p.n > 1 {
		p.mu.Lock()
		p.epoch++
		p.seen.Store(p.epoch)
		p.mu.Unlock()
		p.wake.Broadcast()
	}
	p.walk(0, ctx.Done())
	for l.left.v.Load() > 0 {
		runtime.Gosched()
	}
	l.tasks = nil
	if f := l.fail.Load(); f != nil {
		return f.err
	}
	return ctx.Err()
}

func (p *pool) worker(w int) {
	defer p.exited.Done()
	var last uint64
	for {
		if !p.await(&last) {
			return
		}
		p.walk(w, nil)
	}
}

// await waits for a list newer than *last: by polling for a short while, then
// parked. It reports false when the pool is closed.
func (p *pool) await(last *uint64) bool {
	deadline := time.Now().Add(parkAfter)
	for i := 0; ; i++ {
		if e := p.seen.Load(); e != *last {
			*last = e
			return true
		}
		if i%256 == 255 {
			if time.Now().After(deadline) {
				break
			}
			runtime.Gosched()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.epoch == *last && !p.closed {
		p.wake.Wait()
	}
	if p.epoch == *last {
		return false
	}
	*last = p.epoch
	return true
}

// walk runs worker w's share of every task of the list. Worker 0 alone
// watches done, before a barrier the others have yet to pass, so all of them
// stop at the same task.
func (p *pool) walk(w int, done <-chan struct{}) {
	l := &p.list
	for i, t := range l.tasks {
		if int32(i) >= l.stop.Load() {
			break
		}
		p.share(w, i, t, &l.sync[i].next)
		if w == 0 {
			select {
			case <-done:
				l.stop.Store(int32(i + 1))
			default:
			}
		}
		if p.n > 1 {
			p.barrier(&l.sync[i].arrived)
		}
	}
	l.left.v.Add(-1)
}

func (p *pool) barrier(arrived *paddedInt) {
	n := int64(p.n)
	if arrived.v.Add(1) == n {
		return
	}
	for i := 0; arrived.v.Load() < n; i++ {
		if i >= spinPolls {
			runtime.Gosched()
		}
	}
}

// share takes items of t, task i, until none are left. A fault while reading a
// mapped file becomes the list's error and, since it is noted before the
// barrier behind t, all workers stop there.
func (p *pool) share(w, i int, t kernel.Task, next *paddedInt) {
	items := t.Items()
	if items == 0 {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			p.list.fail.CompareAndSwap(nil, &fault{taskError(r)})
			p.list.stop.Store(int32(i + 1))
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	chunk := max(1, items/(p.n*4))
	if p.n == 1 {
		chunk = items
	}
	for {
		lo := int(next.v.Add(int64(chunk))) - chunk
		if lo >= items {
			return
		}
		t.Run(lo, min(lo+chunk, items), p.scratch[w])
	}
}

// taskError turns a fault on mapped memory into an error and lets any other
// panic go on: it is a bug.
func taskError(r any) error {
	if e, ok := r.(interface {
		error
		Addr() uintptr
	}); ok {
		return fmt.Errorf("weight data became unreadable during the run (a file was truncated or its disk failed): %w", e)
	}
	panic(r)
}
