package backend

import (
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Located is Weights of which some or all lie in mapped files, as those of a
// bundle do.
type Located interface {
	Weights
	// Extent says where w, a weight of the named segment, lies; false when it
	// lies in no file, but in memory of its own.
	Extent(segment string, w *ir.Weight) (tensor.Extent, bool)
}

// ExtentOf is where w says the weight lies; false where w cannot tell.
func ExtentOf(w Weights, segment string, weight *ir.Weight) (tensor.Extent, bool) {
	if l, ok := w.(Located); ok {
		return l.Extent(segment, weight)
	}
	return tensor.Extent{}, false
}
