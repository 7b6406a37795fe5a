package kernel

import (
	"encoding/binary"
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// bytesType is the type whose kernels run every type of the same arithmetic that has
// none of its own: a signed byte per channel, an fp16 scale per 32 channels, no term.
const bytesType = tensor.Q8_0

// runAs is the row of the records that the kernels in assembly read for weights of f,
// and those kernels: its own, or those of bytesType, which read records that recode
// makes in scratch, slab by slab. Nil kernels: the generic tier runs f.
func runAs(f *pack.Format) (*pack.Format, *native) {
	if n := natives[f.Type]; n != nil {
		return f, n
	}
	to := pack.Lookup(bytesType)
	if f.LowBits == 4 && f.HighBits == 0 && f.Scale == to.Scale && f.Group == to.Group && f.Plane == to.Plane {
		return to, natives[bytesType]
	}
	return f, nil
}

// bytesOf lists the bytes of bytesType by the stored values of f, a type of 4 bits.
func bytesOf(f *pack.Format) (codes [16]byte) {
	zero := pack.Lookup(bytesType).Zero
	for q := range codes {
		codes[q] = byte(f.Integer(q) + zero)
	}
	return codes
}

// inPlace reports whether kernels read the records of w where they are.
func (w *Weight) inPlace() bool { return w.Form == P16 && w.run == w.format }

// records is where record r of panel p and those behind it lie, to the end of its
// slab at least; r begins a slab. Records that are not in place are made in buf,
// which holds maxSlabBytes.
func (w *Weight) records(p, r int, buf []byte) *byte {
	if w.inPlace() {
		return &w.Data[p*w.stride+r*w.run.Size]
	}
	return &w.runSlab(p, r*w.run.Channels/Slab, buf)[0]
}

// runSlab returns slab s of panel p as records of w.run.
func (w *Weight) runSlab(p, s int, buf []byte) []byte { return w.slabAs(w.run, p, s, buf) }

// slabAs returns slab s of panel p as records of to: w.run or w.steps.
func (w *Weight) slabAs(to *pack.Format, p, s int, buf []byte) []byte {
	if to == w.format {
		return w.slab(p, s, buf)
	}
	half := len(buf) / 2
	return recode(buf[:half], w.slab(p, s, buf[half:]), w, to)
}

// recode writes the records src of w as records of bytesType, with the same scales
// and integers. A zero scale, which a type without a zero keeps, becomes the smallest
// over zeros.
func recode(dst, src []byte, w *Weight, to *pack.Format) []byte {
	const scales = 4 * pack.PanelRows // bytes of fp16 d[2][16]
	f := w.format
	n := len(src) / f.Size
	dst = dst[:n*to.Size]
	lookupBytes(&dst[to.Low], &src[f.Low], n, to.Size, f.Size, &w.codes)
	le := binary.LittleEndian
	for r := range n {
		src, dst := src[r*f.Size:], dst[r*to.Size:][:to.Size]
		copy(dst[:scales], src)
		for i := 0; i < scales; i += 8 {
			const each, low15 = 0x0001000100010001, 0x7fff7fff7fff7fff
			x := le.Uint64(src[i:]) & low15
			if (x-each)&^x&^low15 == 0 { // none is zero
				continue
			}
			for j := i; j < i+8; j += 2 {
				if le.Uint16(src[j:])&0x7fff == 0 {
					zeroBlock(dst, to, j/2)
				}
			}
		}
	}
	return dst
}

// zeroBlock makes scale i of a record of bytesType the smallest, and the 32 channels
// under it zero.
func zeroBlock(rec []byte, f *pack.Format, i int) {
	h, r := i/pack.PanelRows, i%pack.PanelRows
	binary.LittleEndian.PutUint16(rec[2*i:], 1)
	for g := 8 * h; g < 8*h+8; g++ {
		for j := range 4 {
			rec[f.Low+64*g+4*r+j] = byte(f.Zero)
		}
	}
}

// addr is the address of what p points to, for assembly. Arguments lie in scratch,
// which holds no pointers, so that a call through a table does not move them to the heap;
// what they point to neither moves nor dies, see Matmul.Run.
func addr[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// planeBytes is the size of a plane per slab of a token.
var planeBytes = [pack.NumPlanes]int{pack.PlaneInit: 32, pack.PlaneInit16: 64, pack.PlaneMinPair: 16, pack.PlaneBSum: 32}

// plane is the address of plane p of the activation for item i, in slabs of tokens.
func (a *Act) plane(p pack.Plane, i int) uintptr {
	switch p {
	case pack.PlaneInit:
		return addr(&a.Init[8*i])
	case pack.PlaneInit16:
		return addr(&a.Init16[16*i])
	case pack.PlaneMinPair:
		return addr(&a.MinPair[8*i])
	case pack.PlaneBSum:
		return addr(&a.BSum[8*i])
	}
	panic("kernel: no such plane")
}
