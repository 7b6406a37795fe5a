package cpu

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/backendtest"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// tiered is the CPU backend at one tier.
type tiered struct {
	Backend
	tier kernel.Tier
}

func (b tiered) Name() string { return "cpu " + b.tier.String() }

func (b tiered) Open(w backend.Weights, o backend.Options) (backend.Device, error) {
	d, err := b.Backend.Open(w, o)
	if err != nil {
		return nil, err
	}
	d.(*device).tier = b.tier
	return d, nil
}

func (b tiered) Measure(w backend.Weights, o backend.Options, l backend.Load) (backend.Footprint, error) {
	d, workers, err := newDevice(w, o)
	if err != nil {
		return backend.Footprint{}, err
	}
	d.tier = b.tier
	return d.measure(l, workers)
}

// TestConformance: the generic tier on one thread defines the bits; every tier
// of this machine on one to three threads gives them, with any room for partial
// results.
func TestConformance(t *testing.T) {
	budget := backendtest.Budget{Target: target.CPU, Rel: 1.5e-5}
	for _, k := range codec.All() {
		for _, v := range codec.All() {
			if k == v || !testing.Short() {
				budget.Codecs = append(budget.Codecs, codec.Pair{K: k, V: v}.String())
			}
		}
	}
	for _, tier := range kernel.Available() {
		for threads := 1; threads <= 3; threads++ {
			name := fmt.Sprintf("%s, %d threads", tier, threads)
			budget.Exact = append(budget.Exact, backendtest.Variant{Name: name, Backend: tiered{tier: tier}, Threads: threads})
		}
	}
	best, err := kernel.Best()
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int64{1, 4000} { // nothing, or some spans, can be taken apart
		name := fmt.Sprintf("%s, %d bytes for partial results", best, room)
		budget.Exact = append(budget.Exact, backendtest.Variant{Name: name, Backend: tiered{tier: best}, Threads: 2, PartialBytes: room})
	}
	backendtest.Run(t, Backend{}, budget)
}
