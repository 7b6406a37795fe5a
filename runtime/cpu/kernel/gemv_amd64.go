package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemvArgs is read by the GEMV kernels by the names of its fields.
type gemvArgs struct {
	rec     uintptr // panel
	act     uintptr // integers of one token, contiguous
	init    uintptr // init, init16, minpair or bsum plane of the token
	exp     uintptr
	base    uintptr
	c       uintptr // f32 [16], added to; gemv4, tile256: [4][16]
	acc     uintptr // tile256: 576 bytes
	records int
	// Behind a slab, in bytes: tiles of other tokens to skip (gemv4, gemv8, tile256).
	actSkip  int
	initSkip int
	expSkip  int
	baseStep int
}

// callBytes is the most bytes of weights that one call into assembly reads. Go
// cannot stop a goroutine inside; at 2.6 GB/s, a sixth of what a core reads
// alone, this is 100 microseconds.
var callBytes = 256 << 10

// callRecords is the number of records of w in one call, whole slabs; one slab where
// records are made in scratch.
func (w *Weight) callRecords() int {
	per := recordsPerSlab(w.run)
	if !w.inPlace() {
		return per
	}
	return max(1, callBytes/(w.run.Size*per)) * per
}

func recordsPerSlab(f *pack.Format) int { return Slab / f.Channels }

// gemvQuant computes panels [p0, p1) for token t of an i8 activation whose
// tokens are contiguous: plain, or c4 of one token.
func gemvQuant(m *Matmul, t, p0, p1 int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	w, x := m.W, &m.X
	g, _, _ := x.group(t, 0)
	per, gemv := recordsPerSlab(w.run), w.native.gemv
	records, most := ceil(w.K, w.run.Channels), w.callRecords()
	a := &v.gemv
	*a = gemvArgs{}
	a.slabs(x, w.run.Plane, t, g, 0)
	for p := p0; p < p1; p++ {
		member, row, rows := w.panel(p)
		out := m.Out[member].F[t*m.Out[member].C+row:][:rows]
		c := &v.out
		if rows == 16 {
			c = (*[16]float32)(out)
		}
		*c = [16]float32{}
		a.c = addr(c)
		for r := 0; r < records; r += a.records {
			if most < records {
				a.slabs(x, w.run.Plane, t, g, r/per)
			}
			a.rec, a.records = addr(w.records(p, r, v.slab[:])), min(records-r, most)
			gemv(a)
		}
		if rows < 16 {
			copy(out, c[:])
		}
	}
}
