package cpu

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// Backend is the CPU backend.
type Backend struct{}

var _ backend.Backend = Backend{}

// Name is "cpu".
func (Backend) Name() string { return "cpu" }

// Target is the row of pkg/target that describes the kernels.
func (Backend) Target() string { return target.CPU.Name }

// Open makes a device over the weights w.
func (Backend) Open(w backend.Weights, o backend.Options) (backend.Device, error) {
	d, n, err := newDevice(w, o)
	if err != nil {
		return nil, err
	}
	d.pool = newPool(n)
	return d, nil
}

// newDevice is a device without workers, of which it wants n.
func newDevice(w backend.Weights, o backend.Options) (d *device, n int, err error) {
	tier, err := kernel.Best()
	if err != nil {
		return nil, 0, err
	}
	if n = o.Threads; n == 0 {
		n = DefaultThreads()
	}
	if n < 1 || n > 1024 {
		return nil, 0, fmt.Errorf("%d threads, want 1 to 1024", n)
	}
	bytes := o.PartialBytes
	if bytes == 0 {
		bytes = backend.DefaultPartialBytes
	}
	if bytes < 0 || bytes > maxArena {
		return nil, 0, fmt.Errorf("%d bytes for partial results, want 0 (%d) to %d", bytes, backend.DefaultPartialBytes, maxArena)
	}
	return &device{weights: w, tier: tier, trace: o.Trace, timing: o.Timing, partials: partials{most: int(bytes / 4)}}, n, nil
}

// DefaultThreads is the number of physical cores Go may use.
func DefaultThreads() int { return min(physicalCores(), runtime.GOMAXPROCS(0)) }

type device struct {
	weights  backend.Weights
	tier     kernel.Tier
	trace    func(*ir.Value, int, []float32)
	timing   func(backend.NodeTime)
	partials partials
	runs     uint64 // counts, so that a state knows whether it stands in a batch already
	pool     *pool
	closed   bool
	chunks   kernel.Pool // of the states
	// measured: nothing is to run, so what is compiled has shapes and no memory.
	measured bool
}

// open says whether the device may be used.
func (d *device) open() error {
	if d.closed {
		return fmt.Errorf("the device: %w", backend.ErrClosed)
	}
	return nil
}

func (d *device) NewState(specs []*ir.State, kv codec.Pair, maxPos int) (backend.State, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	st, err := newState(d, specs, kv, maxPos)
	if err != nil {
		return nil, err // not st: a nil in an interface is something
	}
	return st, nil
}

func (d *device) NewBuffer(t ir.Type, rows int) (backend.Buffer, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	b, err := newBuffer(t, rows)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Wait has nothing to wait for: a run is over when it returns.
func (d *device) Wait(context.Context) error { return nil }

func (d *device) Close() error {
	d.closed = true
	d.pool.close()
	return nil
}
