package model

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestRunnable: the types that models may have are those that can be packed.
func TestRunnable(t *testing.T) {
	for _, ty := range tensor.Types() {
		if runnable[ty] != pack.Supported(ty) {
			t.Errorf("%s: runnable %v, packable %v", ty, runnable[ty], pack.Supported(ty))
		}
	}
}
