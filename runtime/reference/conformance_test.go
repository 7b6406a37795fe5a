package reference_test

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backendtest"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// The reference is judged by itself; what is tested are pieces, expansions and
// the protocol.
func TestConformance(t *testing.T) {
	backendtest.Run(t, reference.Backend{}, backendtest.Budget{
		Target: target.CPU,
		Codecs: []string{"f32"},
		Exact:  []backendtest.Variant{{Name: "reference", Backend: reference.Backend{}}},
	})
}
