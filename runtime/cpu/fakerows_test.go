//go:build fakerows

package cpu

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backendtest"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// TestFakeRowsConformance: the target rows is a backend like any other, and
// gives the bits of cpu where both run an op on the same operands.
func TestFakeRowsConformance(t *testing.T) {
	budget := backendtest.Budget{Target: target.Rows, Rel: 1.5e-5}
	for _, t := range kernel.CacheTypes {
		budget.Codecs = append(budget.Codecs, t.String())
	}
	for threads := 1; threads <= 2; threads++ {
		budget.Exact = append(budget.Exact, backendtest.Variant{Name: "rows, threads", Backend: RowsBackend{}, Threads: threads})
	}
	budget.Exact = append(budget.Exact, backendtest.Variant{Name: "cpu", Backend: Backend{}, Threads: 2})
	backendtest.Run(t, RowsBackend{}, budget)
}
