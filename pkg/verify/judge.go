package verify

import (
	"fmt"

	"github.com/tessera-llm/tessera/runtime/backend"
)

// Judge decides whether two values that should be the same are.
type Judge struct {
	// NMSE is what may differ between them, as the mean square of the
	// difference over that of the value; 0: not one bit may differ. It is the
	// rounding of a backend that promises no bits.
	NMSE float64
}

// Bits is the judge of a backend with one answer: not one bit may differ.
var Bits = Judge{}

// same reports whether d is within the judge's bounds.
func (j Judge) same(d Difference) bool {
	return d.Bits == 0 || j.NMSE > 0 && d.NMSE <= j.NMSE
}

func (j Judge) String() string {
	if j.NMSE == 0 {
		return "bit by bit"
	}
	return fmt.Sprintf("within NMSE %.3g", j.NMSE)
}

// Engine is a backend and what is asked of it.
type Engine struct {
	Backend backend.Backend
	Judge   Judge
}

func (e Engine) check() error {
	if e.Backend == nil {
		return fmt.Errorf("verify: no backend")
	}
	return nil
}
