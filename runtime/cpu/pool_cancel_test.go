package cpu

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// TestPoolCancelThenClose closes a pool whose workers went to sleep behind a
// task of a list that was cancelled: they must leave.
func TestPoolCancelThenClose(t *testing.T) {
	p := newPool(3)
	ctx, cancel := context.WithCancel(context.Background())
	var early atomic.Int32
	tasks := chain(&early, 1, 100, 100)
	// Whoever gets the only item holds it while the others fall asleep, then
	// the list ends.
	tasks[0].do = func(int, []byte) {
		if !eventually(func() bool { return p.busy.count.Load() == 2 }) {
			t.Error("the others do not fall asleep")
		}
		cancel()
	}
	if err := p.run(ctx, asWork(tasks)); err == nil {
		t.Fatal("the list was not cancelled")
	}
	if !eventually(func() bool { return p.busy.count.Load()+p.idle.count.Load() == 2 }) {
		t.Error("the workers do not fall asleep")
	}
	closed := make(chan bool)
	go func() { p.close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(3 * time.Minute):
		t.Fatal("close waits for a worker that sleeps inside a cancelled list")
	}
}
