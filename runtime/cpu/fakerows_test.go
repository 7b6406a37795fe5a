//go:build fakerows

package cpu

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backendtest"
)

// TestFakeRowsConformance: the target rows is a backend like any other, and
// gives the bits of cpu where both run an op on the same operands.
func TestFakeRowsConformance(t *testing.T) {
	budget := backendtest.Budget{Target: target.Rows, Rel: 1.5e-5}
	for _, k := range codec.All() {
		budget.Codecs = append(budget.Codecs, codec.Pair{K: k, V: k}.String())
	}
	budget.Exact = []backendtest.Variant{
		{Name: "rows, 1 thread", Backend: RowsBackend{}, Threads: 1},
		{Name: "cpu, 2 threads", Backend: Backend{}, Threads: 2},
	}
	backendtest.Run(t, RowsBackend{}, budget)
}
