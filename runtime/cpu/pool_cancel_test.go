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
	tasks[0].do = func(int, []byte) { time.Sleep(20 * time.Millisecond); cancel() }
	if err := p.run(ctx, asWork(tasks)); err == nil {
		t.Fatal("the list was not cancelled")
	}
	time.Sleep(5 * time.Millisecond)
	closed := make(chan bool)
	go func() { p.close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("close waits for a worker that sleeps inside a cancelled list")
	}
}
