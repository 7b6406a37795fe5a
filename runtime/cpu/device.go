package cpu

import (
	"fmt"
	"runtime"

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
	tier, err := kernel.Best()
	if err != nil {
		return nil, err
	}
	n := o.Threads
	if n == 0 {
		n = DefaultThreads()
	}
	if n < 1 || n > 1024 {
		return nil, fmt.Errorf("%d threads, want 1 to 1024", n)
	}
	return &device{weights: w, tier: tier, trace: o.Trace, timing: o.Timing, pool: newPool(n)}, nil
}

// DefaultThreads is the number of physical cores Go may use.
func DefaultThreads() int { return min(physicalCores(), runtime.GOMAXPROCS(0)) }

type device struct {
	weights backend.Weights
	tier    kernel.Tier
	trace   func(*ir.Value, int, []float32)
	timing  func(backend.NodeTime)
	pool    *pool
}

func (d *device) NewState(specs []*ir.State, kv string, maxPos int) (backend.State, error) {
	return newState(specs, kv, maxPos)
}

func (d *device) NewBuffer(t ir.Type, rows int) (backend.Buffer, error) { return newBuffer(t, rows) }

func (d *device) Close() error {
	d.pool.close()
	return nil
}
