package backendtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Late is a backend whose runs are done after Run has returned, one after
// another on a goroutine of the device, as on a device with a queue. It shows
// what callers take for granted that they may not.
type Late struct {
	Inner backend.Backend
	Delay time.Duration // before every run
	// FailAt is the number of the run, from 1, that fails with ErrLate; 0: none.
	FailAt int
}

// ErrLate is the error of the run that Late lets fail.
var ErrLate = errors.New("the run failed late")

// Name is the inner backend's.
func (b Late) Name() string { return "late " + b.Inner.Name() }

// Target is the inner backend's.
func (b Late) Target() string { return b.Inner.Target() }

// Open starts the device's goroutine.
func (b Late) Open(w backend.Weights, o backend.Options) (backend.Device, error) {
	inner, err := b.Inner.Open(w, o)
	if err != nil {
		return nil, err
	}
	d := &lateDevice{late: b, inner: inner}
	d.more.L = &d.mu
	d.worker.Go(d.work)
	return d, nil
}

// Measure is the inner backend's.
func (b Late) Measure(w backend.Weights, o backend.Options, l backend.Load) (backend.Footprint, error) {
	return b.Inner.Measure(w, o, l)
}

// lateDevice keeps a queue. Everything below it belongs to the worker while the
// queue is not empty.
type lateDevice struct {
	late   Late
	inner  backend.Device
	worker sync.WaitGroup

	mu     sync.Mutex
	more   sync.Cond
	queue  []func() // what waits; the first is under way
	idle   []chan struct{}
	closed bool
	runs   int          // done, failed ones too
	failed error        // the first since the last Wait
	stuck  []*lateState // of failed runs nobody knows about yet
}

func (d *lateDevice) work() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		for len(d.queue) == 0 {
			for _, c := range d.idle {
				close(c)
			}
			d.idle = nil
			if d.closed {
				return
			}
			d.more.Wait()
		}
		job := d.queue[0]
		d.mu.Unlock()
		job()
		d.mu.Lock()
		d.queue = d.queue[1:]
	}
}

func (d *lateDevice) enqueue(job func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.queue = append(d.queue, job)
	d.more.Signal()
}

// drain waits until nothing is under way.
func (d *lateDevice) drain(ctx context.Context) error {
	d.mu.Lock()
	if len(d.queue) == 0 {
		d.mu.Unlock()
		return ctx.Err()
	}
	done := make(chan struct{})
	d.idle = append(d.idle, done)
	d.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle is drain for calls that cannot be given up.
func (d *lateDevice) settle() { d.drain(context.Background()) }

// Wait waits for the queue and returns the first error since the last Wait.
func (d *lateDevice) Wait(ctx context.Context) error {
	if err := d.drain(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	err := d.failed
	d.failed = nil
	d.mu.Unlock()
	d.known(err)
	return err
}

// known frees the states of failed runs: their owner has been told.
func (d *lateDevice) known(err error) {
	if err == nil {
		return
	}
	for _, st := range d.stuck {
		st.err = nil
	}
	d.stuck = nil
}

func (d *lateDevice) Close() error {
	d.settle()
	d.mu.Lock()
	d.closed = true
	d.more.Signal()
	d.mu.Unlock()
	d.worker.Wait()
	return d.inner.Close()
}

func (d *lateDevice) Compile(segment string, g *ir.Graph, max backend.Size) (backend.Executable, error) {
	d.settle()
	e, err := d.inner.Compile(segment, g, max)
	if err != nil {
		return nil, err
	}
	return &lateExe{d: d, inner: e, g: g}, nil
}

func (d *lateDevice) NewBuffer(t ir.Type, rows int) (backend.Buffer, error) {
	d.settle()
	b, err := d.inner.NewBuffer(t, rows)
	if err != nil {
		return nil, err
	}
	return &lateBuffer{d: d, inner: b, elem: t.Elem, max: rows}, nil
}

// lateBuffer remembers the error of the run that was to fill it.
type lateBuffer struct {
	d     *lateDevice
	inner backend.Buffer
	elem  ir.Elem
	max   int
	err   error
}

func (b *lateBuffer) Cols() int { return b.inner.Cols() }

func (b *lateBuffer) Rows() int {
	b.d.settle()
	return b.inner.Rows()
}

// set checks what can be known now and writes when it is its turn.
func (b *lateBuffer) set(e ir.Elem, n int, write func() error) error {
	if b.elem != e || n%b.Cols() != 0 || n/b.Cols() > b.max {
		b.d.settle()
		if err := write(); err != nil {
			return err
		}
		return fmt.Errorf("%d %s fit into a buffer of %s × %d with room for %d rows", n, e, b.elem, b.Cols(), b.max)
	}
	b.d.enqueue(func() { b.err = write() })
	return nil
}

func (b *lateBuffer) SetInt32(x []int32) error {
	x = slices.Clone(x)
	return b.set(ir.I32, len(x), func() error { return b.inner.SetInt32(x) })
}

func (b *lateBuffer) SetFloat32(x []float32) error {
	x = slices.Clone(x)
	return b.set(ir.F32, len(x), func() error { return b.inner.SetFloat32(x) })
}

func (b *lateBuffer) Int32(ctx context.Context) ([]int32, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.inner.Int32(ctx)
}

func (b *lateBuffer) Float32(ctx context.Context) ([]float32, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.inner.Float32(ctx)
}

func (b *lateBuffer) wait(ctx context.Context) error {
	if err := b.d.drain(ctx); err != nil {
		return err
	}
	b.d.known(b.err)
	return b.err
}

// Close gives the buffer back; what is closed says so itself.
func (b *lateBuffer) Close() error {
	b.d.settle()
	b.max = -1
	return b.inner.Close()
}
