//go:build fakerows

package cpu

import (
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

func init() { methods[ir.OpFake] = activation(kernel.Fake) }

// RowsBackend executes the test target rows: the generic tier, which has a
// kernel for every form and layout.
type RowsBackend struct{}

var _ backend.Backend = RowsBackend{}

// Name is "rows".
func (RowsBackend) Name() string { return "rows" }

// Target is the row of pkg/target that describes it.
func (RowsBackend) Target() string { return target.Rows.Name }

// Open makes a device over the weights w.
func (RowsBackend) Open(w backend.Weights, o backend.Options) (backend.Device, error) {
	d, err := Backend{}.Open(w, o)
	if err != nil {
		return nil, err
	}
	d.(*device).tier = kernel.Generic
	return d, nil
}

// Measure is that of Backend at the tier.
func (RowsBackend) Measure(w backend.Weights, o backend.Options, l backend.Load) (backend.Footprint, error) {
	d, workers, err := newDevice(w, o)
	if err != nil {
		return backend.Footprint{}, err
	}
	d.tier = kernel.Generic
	return d.measure(l, workers)
}
