package pack

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// PanelRows is the number of rows of a panel.
const PanelRows = 16

// Scale is how a quantised type stores the scale of a group of channels.
type Scale uint8

// The kinds of scales.
const (
	NoScale   Scale = iota // the values are floats
	ScaleHalf              // d, fp16
	ScaleU6                // d * sc: fp16 d of 256 channels, an unsigned integer of 6 bits per group
	ScaleI8                // d * sc: fp16 d of 256 channels, an int8 per group
)

// Plane is the correction that a kernel reads from a quantised activation next to
// its integers, and with it whether the type subtracts or adds a term per block.
type Plane uint8

// The planes, by the name that docs/numerics.md gives them.
const (
	PlaneInit    Plane = iota // zero points, sums of 32 channels; no term
	PlaneInit16               // zero points, sums of 16 channels; no term
	PlaneMinPair              // minus dmin*mn, 6-bit integers under an fp16 of 256 channels
	PlaneBSum                 // plus m, an fp16 of 32 channels
	NumPlanes
)

// Recipe says what the bits of a quantised type mean: value = scale * integer, or
// scale * integer plus the term of the plane. The integer of a channel is LUT[q],
// or q - Zero where there is no table, q = its low bits and above them its high ones.
type Recipe struct {
	LowBits  int  // 4 or 8
	HighBits int  // 0, 1 or 2
	Zero     int  // stored value of the integer 0; types with a table: of its entry that is 0, if any
	LUT      *LUT // nil: stored integers
	Scale    Scale
	Group    int // channels under one scale: 32 or 16
	Plane    Plane
	order    order
	Floats   *Floats // of the types whose Scale is NoScale, nil for the others
}

// Floats says how a type whose values are floats is stored and read. Its functions
// check nothing and allocate nothing.
type Floats struct {
	// Panel writes w[channel][row], len(w) channels from the first of a record on.
	Panel func(w [][PanelRows]float32, records []byte)

	row  func(dst []float32, panel []byte, r int) // row r of a panel
	rows func(dst []float32, src []byte)          // values as in GGUF, one behind the other

	halves bool // records are interleaved by halves, not by dwords
}

// LUT is a table of integers that stored values index, of 16 entries.
type LUT [16]int8

// order is where a GGUF block keeps the bits of its channels.
type order uint8

const (
	orderHalves order = iota // [d, m, high bits, low bits]: channel i and i+16 of 32 share a byte
	orderK                   // q4_k and q5_k
	orderQ6K
)

// Format is one row of the table: the records of a type in panels of 16 rows and
// what their bits mean. Everything about a record follows from the recipe; a field
// that the type does not have is 0.
type Format struct {
	Type tensor.Type
	Recipe

	Channels int // of a record
	Size     int // bytes of a record

	// Byte offsets in a record. Scales stand at its start: fp16 d[Halves][16].
	Halves int // 2 where a record holds two blocks of 32 channels, else 1
	Min    int // fp16 m or dmin [Halves][16]
	Sub    int // integer scales [256/Group][16]
	SubMin int // integer mins [4][16][2]
	Low    int // vectors of LowBits, 64 bytes each
	High   int // vectors of HighBits

	LowVectors, HighVectors int

	// Dwords of zero-point values.
	zeroLow, zeroHigh uint32

	elems, bytes int // of a GGUF block
}

var formats [256]*Format

// types lists the types of the table in its order.
var types []tensor.Type

// add completes a row and puts it in the table.
func add(f Format) {
	f.elems, f.bytes = f.Type.BlockElems(), f.Type.BlockBytes()
	if (f.Scale == NoScale) != (f.Floats != nil) {
		panic(fmt.Sprintf("pack: %s: floats have no scale, integers have one", f.Type))
	}
	if f.Floats != nil {
		f.Size = 4 * PanelRows
		f.Channels = 4 / f.bytes
	} else {
		f.layOut()
	}
	formats[f.Type] = &f
	types = append(types, f.Type)
}

// layOut places the parts of a record, one behind the other; integers and
// vectors start on a cache line.
func (f *Format) layOut() {
	if f.LUT != nil && (f.LowBits != 4 || f.HighBits != 0 || f.Scale != ScaleHalf) {
		panic(fmt.Sprintf("pack: %s: a table of 16 integers and other values", f.Type))
	}
	f.Channels, f.Halves = 64, 2
	if f.elems == 256 {
		f.Channels, f.Halves = 256, 1
	}
	at := 2 * PanelRows * f.Halves
	if f.HasMin() {
		f.Min, at = at, 2*at
	}
	at = (at + 63) &^ 63
	if f.Scale != ScaleHalf {
		f.Sub, at = at, at+f.Channels/f.Group*PanelRows
		if f.HasMin() {
			f.SubMin, at = at, at+f.Channels/32*PanelRows
		}
	}
	f.LowVectors = f.Channels * f.LowBits / 32
	f.Low, at = at, at+64*f.LowVectors
	if f.HighBits > 0 {
		f.HighVectors = f.Channels * f.HighBits / 32
		f.High, at = at, at+64*f.HighVectors
	}
	f.Size = at
	if at := f.LowVectors + f.HighVectors; at > maxVectors {
		panic(fmt.Sprintf("pack: %s: %d vectors in a record", f.Type, at))
	}
	const pattern = ones & 0xffffffff
	f.zeroLow = uint32(f.Zero) & 0xff * pattern
	if f.LowBits == 4 {
		f.zeroLow = uint32(f.Zero) & 15 * 0x11 * pattern
	}
	switch f.HighBits {
	case 1:
		f.zeroHigh = uint32(f.Zero) >> 4 * 0xff * pattern
	case 2:
		f.zeroHigh = uint32(f.Zero) >> 4 * 0x55 * pattern
	}
}

// HasMin reports whether a term is added to scale * integer.
func (r *Recipe) HasMin() bool { return r.Plane == PlaneMinPair || r.Plane == PlaneBSum }

// HasZero reports whether a stored value stands for the integer 0. Of a type
// without one a zero scale is not rewritten: its records may hold zero scales.
func (r *Recipe) HasZero() bool { return r.LUT == nil || r.LUT[r.Zero] == 0 }

// Integer is what the stored value q stands for.
func (r *Recipe) Integer(q int) int {
	if r.LUT != nil {
		return int(r.LUT[q])
	}
	return q - r.Zero
}

// Lookup returns the row of t, nil if t has no packed form. It is read-only.
func Lookup(t tensor.Type) *Format { return formats[t] }

// Types lists the types with a packed form, in table order. Every one of them has
// kernels, so it is also the list of the types that a bundle can hold as matrices.
func Types() []tensor.Type { return append([]tensor.Type(nil), types...) }

// Supported reports whether t has a packed form.
func Supported(t tensor.Type) bool { return formats[t] != nil }
