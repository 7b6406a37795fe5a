package backend

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// Load is a program at work, of which Backend.Measure says what it takes.
type Load struct {
	Segments []ir.Segment // that are compiled
	Max      Size         // of a batch
	Buffers  []Room       // that are made
	KV       codec.Pair
	// Sessions is the number of sequences, each with a state for those of all segments,
	// which has grown to Positions in runs of at most Max.Tokens and is trimmed behind each.
	// At least one; Positions may be 0.
	Sessions, Positions int
}

// Room is a buffer for up to Rows rows of a value of type Type.
type Room struct {
	Type ir.Type
	Rows int
}

// Footprint is what a device takes for a Load, in bytes: at most, with batches as
// large as they may be. Weights as they are handed out are not part of it.
type Footprint struct {
	Arena   int64 `json:"arena"`   // activations: the static plans of all segments, and what batches of several spans stage
	Tables  int64 `json:"tables"`  // small weights as the device wants them, and rotations
	Copies  int64 `json:"copies"`  // matrices as the device wants them; 0 where it reads them as they are
	Buffers int64 `json:"buffers"` // of Load.Buffers
	Scratch int64 `json:"scratch"` // of all workers
	// Partials is what parts of attentions take that wait for their merge, within
	// Options.PartialBytes.
	Partials int64 `json:"partials"`
	States   int64 `json:"states"` // the states of all sessions at rest
	// Growth is what states take for a time: what a run needs before a window drops what
	// lies behind it, and memory that smaller pieces have left for the next ones.
	Growth int64 `json:"growth"`
}

// Sum is everything.
func (f *Footprint) Sum() (int64, error) {
	return Add(f.Arena, f.Tables, f.Copies, f.Buffers, f.Scratch, f.Partials, f.States, f.Growth)
}

// Add is the sum of sizes, which come from files: one that cannot be counted is an
// error.
func Add(sizes ...int64) (int64, error) {
	n := int64(0)
	for _, s := range sizes {
		if s < 0 || n > math.MaxInt64-s {
			return 0, fmt.Errorf("sizes of %d and %d bytes add up to more than can be counted", n, s)
		}
		n += s
	}
	return n, nil
}

// Times is n times a size, as Add.
func Times(n int, size int64) (int64, error) {
	hi, lo := bits.Mul64(uint64(n), uint64(size))
	if n < 0 || size < 0 || hi != 0 || lo > math.MaxInt64 {
		return 0, fmt.Errorf("%d times %d bytes is more than can be counted", n, size)
	}
	return int64(lo), nil
}
