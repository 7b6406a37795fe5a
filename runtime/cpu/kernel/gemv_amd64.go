package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// gemvArgs is read by the GEMV kernels at fixed offsets.
type gemvArgs struct {
	rec     unsafe.Pointer // 0: panel
	act     unsafe.Pointer // 8: integers of one token, contiguous
	init    unsafe.Pointer // 16: init, init16, minpair or bsum plane of the token
	exp     unsafe.Pointer // 24
	base    unsafe.Pointer // 32
	c       unsafe.Pointer // 40: f32 [16], added to; gemv4: [4][16]
	records int            // 48
	// Behind a slab, in bytes: tiles of other tokens to skip (gemv4, gemv8).
	actSkip  int // 56
	initSkip int // 64
	expSkip  int // 72
	baseStep int // 80
}

//go:noescape
func gemvQ8_0(a *gemvArgs)

//go:noescape
func gemvQ4_0(a *gemvArgs)

//go:noescape
func gemvQ4_1(a *gemvArgs)

//go:noescape
func gemvQ5_0(a *gemvArgs)

//go:noescape
func gemvQ5_1(a *gemvArgs)

//go:noescape
func gemvQ4_K(a *gemvArgs)

//go:noescape
func gemvQ5_K(a *gemvArgs)

//go:noescape
func gemvQ6_K(a *gemvArgs)

// callBytes is the most bytes of weights that one call into assembly reads. Go
// cannot stop a goroutine inside; at 2.6 GB/s, a sixth of what a core reads
// alone, this is 100 microseconds.
var callBytes = 256 << 10

// callRecords is the number of records of type t in one call, whole slabs.
func callRecords(t tensor.Type) int {
	size := pack.RecordBytes(t)
	return max(1, callBytes/(size*recordsPerSlab(t))) * recordsPerSlab(t)
}

func recordsPerSlab(t tensor.Type) int { return Slab / pack.RecordChannels(t) }

// gemvQuant computes panels [p0, p1) for token t of an i8 activation whose
// tokens are contiguous: plain, or c4 of one token.
func gemvQuant(m *Matmul, t, p0, p1 int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	w, x := m.W, &m.X
	g, _, _ := x.group(t, 0)
	size, per := pack.RecordBytes(w.Type), recordsPerSlab(w.Type)
	records, most := w.stride/size, callRecords(w.Type)
	var a gemvArgs
	a.slabs(x, w.Type, t, g, 0)
	for p := p0; p < p1; p++ {
		member, row, rows := w.panel(p)
		out := m.Out[member].F[t*m.Out[member].C+row:][:rows]
		c := &v.out
		if rows == 16 {
			c = (*[16]float32)(out)
		}
		*c = [16]float32{}
		a.c = unsafe.Pointer(c)
		for r := 0; r < records; r += a.records {
			if most < records {
				a.slabs(x, w.Type, t, g, r/per)
			}
			a.rec, a.records = unsafe.Pointer(&w.Data[p*w.stride+r*size]), min(records-r, most)
			a.run(w.Type)
		}
		if rows < 16 {
			copy(out, c[:])
		}
	}
}

func (a *gemvArgs) run(t tensor.Type) {
	switch t {
	case tensor.Q8_0:
		gemvQ8_0(a)
	case tensor.Q4_0:
		gemvQ4_0(a)
	case tensor.Q4_1:
		gemvQ4_1(a)
	case tensor.Q5_0:
		gemvQ5_0(a)
	case tensor.Q5_1:
		gemvQ5_1(a)
	case tensor.Q4_K:
		gemvQ4_K(a)
	case tensor.Q5_K:
		gemvQ5_K(a)
	case tensor.Q6_K:
		gemvQ6_K(a)
	}
}
