package cpu

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// countTask checks that every item runs once per list, that no scratch is used
// by two workers at a time, and that the task before is over.
type countTask struct {
	items  int
	hits   []atomic.Int32
	before *countTask
	early  *atomic.Int32
	do     func(i int, scratch []byte)
}

var _ kernel.Task = (*countTask)(nil)

func (t *countTask) Prepare() error { return nil }
func (t *countTask) Items() int     { return t.items }
func (t *countTask) Scratch() int   { return 64 }
func (t *countTask) Run(lo, hi int, scratch []byte) {
	if b := t.before; b != nil {
		for i := range b.hits {
			if b.hits[i].Load() < t.hits[lo].Load()+1 {
				t.early.Add(1)
			}
		}
	}
	for i := lo; i < hi; i++ {
		if t.do != nil {
			t.do(i, scratch)
		}
		t.hits[i].Add(1)
	}
}

// chain is a list of tasks with the given numbers of items, each of which
// checks that the one before is over.
func chain(early *atomic.Int32, items ...int) []*countTask {
	var all []*countTask
	var last *countTask
	for _, n := range items {
		t := &countTask{items: n, hits: make([]atomic.Int32, n), early: early, before: last}
		all = append(all, t)
		last = t
	}
	return all
}

func asWork(tasks []*countTask) *work {
	list := make([]kernel.Task, len(tasks))
	for i, t := range tasks {
		list[i] = t
	}
	return newWork(list)
}

// TestPoolRunsEveryItemOnce: any number of workers, more of them than cores,
// several lists on one pool, empty tasks and an empty list.
func TestPoolRunsEveryItemOnce(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8} {
		p := newPool(n)
		p.reserve(64)
		var early atomic.Int32
		a, b := chain(&early, 100, 1, 0, 7, 1000, 2), chain(&early, 3, 3, 3, 50)
		wa, wb, none := asWork(a), asWork(b), newWork(nil)
		const rounds = 200
		for range rounds {
			for _, wk := range []*work{wa, wb, none} {
				if err := p.run(context.Background(), wk); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.close()
		for _, task := range append(a, b...) {
			for i := range task.hits {
				if h := task.hits[i].Load(); h != rounds {
					t.Fatalf("%d workers: item %d of %d ran %d times, want %d", n, i, task.items, h, rounds)
				}
			}
		}
		if e := early.Load(); e != 0 {
			t.Errorf("%d workers: %d items began before the task in front was over", n, e)
		}
	}
}

// TestPoolScratch: no two workers are in one scratch memory at a time.
func TestPoolScratch(t *testing.T) {
	p := newPool(4)
	defer p.close()
	p.reserve(64)
	var shared atomic.Int32
	tasks := chain(&shared, 400)
	tasks[0].do = func(i int, scratch []byte) {
		scratch[0]++
		at := scratch[0]
		if i%16 == 0 {
			time.Sleep(20 * time.Microsecond)
		}
		if scratch[0] != at {
			shared.Add(1)
		}
	}
	wk := asWork(tasks)
	for range 5 {
		if err := p.run(context.Background(), wk); err != nil {
			t.Fatal(err)
		}
	}
	if shared.Load() != 0 {
		t.Error("two workers shared scratch")
	}
}

// TestPoolSlowWorker: while one worker is held up inside an item, the others do
// the rest of the task.
func TestPoolSlowWorker(t *testing.T) {
	p := newPool(2)
	defer p.close()
	p.reserve(64)
	var early atomic.Int32
	tasks := chain(&early, 64, 64)
	var rest atomic.Int32
	tasks[0].do = func(i int, _ []byte) {
		if i == 0 {
			if !eventually(func() bool { return rest.Load() >= 64-8 }) {
				t.Error("the other worker did not do the rest")
			}
			return
		}
		rest.Add(1)
	}
	if err := p.run(context.Background(), asWork(tasks)); err != nil {
		t.Fatal(err)
	}
}

// TestPoolCancel: a cancelled list stops with one task begun at most that is not
// whole, the last of those begun; nobody is still inside one when run returns, and
// the pool goes on. How far it gets depends on when the caller finds out: alone it
// stops behind the task in work.
func TestPoolCancel(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		p := newPool(n)
		p.reserve(64)
		for at := range 6 {
			var early, inside atomic.Int32
			ctx, cancel := context.WithCancel(context.Background())
			tasks := chain(&early, 40, 40, 40, 40, 40, 40)
			for i, task := range tasks {
				task.do = func(item int, _ []byte) {
					inside.Add(1)
					if i == at && item == 20 {
						cancel()
					}
					time.Sleep(time.Microsecond)
					inside.Add(-1)
				}
			}
			err := p.run(ctx, asWork(tasks))
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%d workers, cancelled in task %d: %v", n, at, err)
			}
			if inside.Load() != 0 {
				t.Errorf("%d workers: run returned while an item was running", n)
			}
			counts := make([]int32, len(tasks))
			sum := func() (c []int32) {
				for i, task := range tasks {
					counts[i] = 0
					for j := range task.hits {
						counts[i] += task.hits[j].Load()
					}
				}
				return append(c, counts...)
			}
			before := sum()
			for i, task := range tasks {
				want := before[i] >= 0 && before[i] <= int32(task.items)
				switch {
				case i < at, i == at && n == 1:
					want = before[i] == int32(task.items)
				case i == at:
					want = want && before[i] > 0
				case n == 1, before[i-1] < int32(tasks[i-1].items):
					want = before[i] == 0
				}
				if !want {
					t.Errorf("%d workers, cancelled in task %d: %d of %d items of task %d ran", n, at, before[i], task.items, i)
				}
				for j := range task.hits {
					if task.hits[j].Load() > 1 {
						t.Errorf("%d workers: item %d of task %d ran twice", n, j, i)
					}
				}
			}
			ok := chain(&early, 10)
			if err := p.run(context.Background(), asWork(ok)); err != nil {
				t.Fatalf("%d workers: after a cancelled list: %v", n, err)
			}
			after := sum()
			for i := range before {
				if before[i] != after[i] {
					t.Errorf("%d workers: task %d went on after the cancelled run returned", n, i)
				}
			}
		}
		p.close()
	}
}

// TestPoolFault: a file truncated while it is mapped ends the list with an
// error that names it; the pool is usable afterwards.
func TestPoolFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weights.bin")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := mmap.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := os.Truncate(path, 4096); err != nil {
		t.Skip(err)
	}
	var sum atomic.Int32
	for _, n := range []int{1, 2, 4} {
		p := newPool(n)
		p.reserve(64)
		var early atomic.Int32
		tasks := chain(&early, 64, 64)
		tasks[0].do = func(i int, _ []byte) { sum.Add(int32(m.Data[i*16384])) }
		err := p.run(context.Background(), asWork(tasks))
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "truncated") {
			t.Errorf("%d workers: %v, want an error that names the file", n, err)
		}
		for i := range tasks[1].hits {
			if tasks[1].hits[i].Load() != 0 {
				t.Fatalf("%d workers: the task behind the fault ran", n)
			}
		}
		ok := chain(&early, 100)
		if err := p.run(context.Background(), asWork(ok)); err != nil {
			t.Errorf("%d workers: after a fault: %v", n, err)
		}
		p.close()
	}
}

// TestPoolPanic: a kernel that panics ends the list with an error that names the
// task; the pool is usable afterwards.
func TestPoolPanic(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		p := newPool(n)
		p.reserve(64)
		var early atomic.Int32
		tasks := chain(&early, 64, 64)
		tasks[0].do = func(i int, scratch []byte) { _ = scratch[60+i] }
		err := p.run(context.Background(), asWork(tasks))
		if err == nil || !strings.Contains(err.Error(), "panic") || !strings.Contains(err.Error(), fmt.Sprintf("%T", tasks[0])) || !strings.Contains(err.Error(), "out of range") {
			t.Errorf("%d workers: %v, want an error that names the task", n, err)
		}
		for i := range tasks[1].hits {
			if tasks[1].hits[i].Load() != 0 {
				t.Fatalf("%d workers: the task behind the panic ran", n)
			}
		}
		if err := p.run(context.Background(), asWork(chain(&early, 100))); err != nil {
			t.Errorf("%d workers: after a panic: %v", n, err)
		}
		p.close()
	}
}

// TestPoolCloses: no goroutine stays behind.
func TestPoolCloses(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		p := newPool(8)
		p.reserve(64)
		var early atomic.Int32
		if err := p.run(context.Background(), asWork(chain(&early, 50, 50))); err != nil {
			t.Fatal(err)
		}
		p.close()
		p.close()
	}
	if !eventually(func() bool { return runtime.NumGoroutine() <= before }) {
		t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
	}
}

// eventually waits until something happens that must happen, and reports false
// only when it does not happen for minutes.
func eventually(happened func() bool) bool {
	for end := time.Now().Add(3 * time.Minute); !happened(); {
		if time.Now().After(end) {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// TestPoolIdle: the workers of an idle pool are asleep, so it takes no processor time.
func TestPoolIdle(t *testing.T) {
	p := newPool(4)
	defer p.close()
	p.reserve(64)
	var early atomic.Int32
	if err := p.run(context.Background(), asWork(chain(&early, 50))); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return p.idle.count.Load() == 3 }) {
		t.Errorf("%d of 3 workers sleep", p.idle.count.Load())
	}
}

// TestPoolAllocates: running a list allocates nothing.
func TestPoolAllocates(t *testing.T) {
	p := newPool(2)
	defer p.close()
	p.reserve(64)
	var early atomic.Int32
	wk := asWork(chain(&early, 50, 20, 0, 3))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if n := testing.AllocsPerRun(100, func() {
		if err := p.run(ctx, wk); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per list", n)
	}
}

// TestPoolRandom runs random lists with random cancellations and sleeping
// workers on one pool, so that late workers meet later lists.
func TestPoolRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := newPool(3)
	defer p.close()
	p.reserve(64)
	var lists [][]*countTask
	var works []*work
	var early atomic.Int32
	for range 6 {
		items := make([]int, 1+r.IntN(6))
		for i := range items {
			items[i] = r.IntN(60)
		}
		list := chain(nil, items...)
		for _, t := range list {
			t.before = nil // runs are cancelled: counts differ
			t.do = func(i int, _ []byte) {
				if i%29 == 7 {
					time.Sleep(time.Duration(i) * time.Microsecond)
				}
			}
		}
		lists, works = append(lists, list), append(works, asWork(list))
	}
	for range 1000 {
		l := r.IntN(len(lists))
		want := make([]int32, len(lists[l]))
		for i, task := range lists[l] {
			for j := range task.hits {
				want[i] += task.hits[j].Load()
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cut := r.IntN(4) == 0
		if cut {
			time.AfterFunc(time.Duration(r.IntN(200))*time.Microsecond, cancel)
		}
		err := p.run(ctx, works[l])
		cancel()
		if err != nil && !cut {
			t.Fatal(err)
		}
		whole := true
		for i, task := range lists[l] {
			var got int32
			for j := range task.hits {
				got += task.hits[j].Load()
			}
			n := got - want[i]
			if n != int32(task.items) && n != 0 && err == nil || n < 0 || n > int32(task.items) || n > 0 && !whole {
				t.Fatalf("task %d of %d: %d of %d items ran (%v)", i, len(lists[l]), n, task.items, err)
			}
			whole = whole && n == int32(task.items)
		}
		if err == nil && !whole {
			t.Fatal("a list that was not cancelled is not whole")
		}
	}
	if early.Load() != 0 {
		t.Error("early items")
	}
}

func BenchmarkPool(b *testing.B) {
	for _, n := range []int{1, 2} {
		b.Run(map[int]string{1: "1 worker", 2: "2 workers"}[n], func(b *testing.B) {
			p := newPool(n)
			defer p.close()
			var early atomic.Int32
			items := make([]int, 100)
			for i := range items {
				items[i] = 16
			}
			tasks := chain(&early, items...)
			for _, t := range tasks {
				t.before = nil
			}
			wk := asWork(tasks)
			for b.Loop() {
				if err := p.run(context.Background(), wk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
