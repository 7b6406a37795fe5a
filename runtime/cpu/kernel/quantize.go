package kernel

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// QuantizeAct writes X as int8 by scheme s256e32: one float scale per token
// and slab of 256 channels, one power of two per block of 32. Forms: plain to
// plain or c4, c4 to c4.
//
// A work item is one group: a slab of a tile of tokens.
type QuantizeAct struct {
	Tier   Tier
	X, Out Act

	vec Tier
}

// Scheme is the name of the activation quantisation.
const Scheme = "s256e32"

// Prepare checks shapes and layouts.
func (q *QuantizeAct) Prepare() error {
	if err := wantF32("quantize_act", "input", &q.X, q.X.S, q.X.C); err != nil {
		return err
	}
	if q.Out.Elem != I8 || q.X.Layout == C4 && q.Out.Layout == Plain {
		return fmt.Errorf("quantize_act: output is %s %s from %s, want i8 in the same layout or c4", q.Out.Elem, q.Out.Layout, q.X.Layout)
	}
	q.vec = vectorTier(q.Tier)
	return wantShape("quantize_act", "output", &q.Out, q.X.S, q.X.C)
}

// Items is the number of groups.
func (q *QuantizeAct) Items() int {
	_, tiles := tile(q.Out.Layout, q.Out.S)
	return tiles * ceil(q.X.C, Slab)
}

// Scratch is none.
func (q *QuantizeAct) Scratch() int { return 0 }

// Run quantises groups lo to hi-1; the slabs of a tile follow each other.
func (q *QuantizeAct) Run(lo, hi int, _ []byte) {
	w, _ := tile(q.Out.Layout, q.Out.S)
	slabs := ceil(q.X.C, Slab)
	var x slabTile
	for i := lo; i < hi; i++ {
		s, tl := i%slabs, i/slabs
		n := min(Slab, q.X.C-s*Slab)
		for l := range w {
			got := 0
			if t := tl*w + l; t < q.X.S {
				got = n
				getSlab(&q.X, x[l][:n], t, s*Slab, q.vec)
			}
			clear(x[l][got:])
		}
		q.Out.quantiseTile(&x, s, tl, q.vec)
	}
}

// slabTile is a slab of up to four tokens in f32, channels and tokens that
// do not exist being zero: what a producer of int8 computes at a time.
type slabTile [4][Slab]float32

// quantiseTile writes the integers and all planes of (slab s, tile tl) of an
// i8 activation. Nothing else turns floats into an i8 activation. For tiles one
// token wide only x[0] is read.
func (a *Act) quantiseTile(x *slabTile, s, tl int, vec Tier) {
	w, _ := tile(a.Layout, a.S)
	if vec != Generic && vecQuantTile(vec, a, x, s, tl) {
		return
	}
	for l := range w {
		a.quantiseSlab(&x[l], tl*w+l, s, vec)
	}
}

const infBits = 0x7f800000

// tinyBits is 2^-96: slabs below it become zero, so that no scale is
// subnormal.
const tinyBits = (127 - 96) << 23

func absBits(v float32) uint32 { return math.Float32bits(v) &^ (1 << 31) }

// quantiseSlab is quantiseTile for one token t.
func (a *Act) quantiseSlab(x *[Slab]float32, t, s int, vec Tier) {
	g, lane, w := a.group(t, s)
	var blockMax [8]uint32
	if vec != Generic {
		vecBlockMax(vec, &blockMax, x)
	} else {
		for b := range blockMax {
			for _, v := range x[32*b : 32*b+32] {
				blockMax[b] = max(blockMax[b], absBits(v))
			}
		}
	}
	most := uint32(0)
	for _, v := range blockMax {
		most = max(most, v)
	}
	base, inv, limit := float32(0), float32(0), uint32(0)
	live := most >= tinyBits && most < infBits
	switch {
	case most >= infBits:
		base = float32(math.NaN())
	case live:
		base = math.Float32frombits(most) / 127
		inv = 1 / base
		limit = min(math.Float32bits(float32(127*base)), infBits-1)
	}
	a.Base[g*w+lane] = base
	var q [Slab]int8
	var sums [16]int32
	var e [8]int32
	if live {
		var mult [8]float32
		for b := range mult {
			e[b] = max(0, min(20, (int32(limit)-int32(blockMax[b]))>>23))
			mult[b] = inv * f32.Exp2i(int(e[b]))
		}
		if vec != Generic {
			vecQuantBlocks(vec, &q, &sums, x, &mult)
		} else {
			for k, v := range x {
				q[k] = int8(max(-127, min(127, f32.RNE(float32(v*mult[k/32])))))
				sums[k/16] += int32(q[k])
			}
		}
	}
	a.putPlanes(g, lane, w, &e, &sums)
	a.storeSlab(&q, t, s)
}

// storeSlab writes the integers of (token t, slab s).
func (a *Act) storeSlab(q *[Slab]int8, t, s int) {
	n := min(Slab, roundUp(a.C, 64)-s*Slab)
	dst := a.Q[a.off(t, s*Slab):]
	if w, _ := tile(a.Layout, a.S); w == 1 {
		copy(dst, q[:n])
		return
	}
	for k := 0; k < n; k += 4 {
		*(*[4]int8)(dst[4*k:]) = *(*[4]int8)(q[k:])
	}
	if a.T != nil {
		dst := a.T[a.tokenTile(t, s)+t%16*32:]
		for b := range 8 {
			copy(dst[512*b:][:32], q[32*b:])
		}
	}
}

// putPlanes derives the planes of eight blocks from exponents and sums.
func (a *Act) putPlanes(g, lane, w int, e *[8]int32, sums *[16]int32) {
	for b, n := range e {
		lo, hi := sums[2*b], sums[2*b+1]
		i := (g*8+b)*w + lane
		a.Exp[i] = -n << 23
		a.Init[i] = -128 * (lo + hi)
		a.Init16[(g*16+2*b)*w+lane] = -128 * lo
		a.Init16[(g*16+2*b+1)*w+lane] = -128 * hi
		v := float32(lo+hi) * f32.Exp2i(-int(n))
		a.BSum[i] = v
		a.MinPair[((g*4+b/2)*w+lane)*2+b%2] = int16(f32.RNE(float32(8 * v)))
	}
}

// getSlab loads a run of channels.
func getSlab(x *Act, dst []float32, t, k0 int, vec Tier) {
	if vec != Generic && x.Layout == C4 && x.S > 1 {
		getVec(x, dst, t, k0)
		return
	}
	x.getRun(dst, t, k0)
}

// Relayout is Out = X in another layout, f32 or i8.
type Relayout struct {
	X, Out Act
}

// Prepare checks shapes.
func (r *Relayout) Prepare() error {
	if r.X.Elem != r.Out.Elem {
		return fmt.Errorf("relayout: output is %s, want %s", r.Out.Elem, r.X.Elem)
	}
	return wantShape("relayout", "output", &r.Out, r.X.S, r.X.C)
}

// Items is the number of groups of the output.
func (r *Relayout) Items() int {
	_, tiles := tile(r.Out.Layout, r.Out.S)
	return tiles
}

// Scratch is none.
func (r *Relayout) Scratch() int { return 0 }

// Run moves tiles lo to hi-1 over all channels.
func (r *Relayout) Run(lo, hi int, _ []byte) {
	x, out := &r.X, &r.Out
	w, _ := tile(out.Layout, out.S)
	if lo == 0 && out.Elem == F32 {
		out.zeroPads()
	}
	var buf [Slab]float32
	var q [Slab]int8
	for t := lo * w; t < hi*w; t++ {
		for s := range ceil(x.C, Slab) {
			if out.Elem == F32 {
				if t < x.S {
					n := min(Slab, x.C-s*Slab)
					x.getRun(buf[:n], t, s*Slab)
					out.putRun(t, s*Slab, buf[:n])
				}
				continue
			}
			out.copySlab(x, &q, t, s)
		}
	}
}

// copySlab copies the integers and planes of (token t, slab s) of an i8
// activation; t beyond the tokens writes zeros.
func (a *Act) copySlab(x *Act, q *[Slab]int8, t, s int) {
	g, l, w := a.group(t, s)
	clear(q[:])
	var e [8]int32
	var sums [16]int32
	base := float32(0)
	if t < a.S {
		x.loadSlab(q, t, s)
		xg, xl, xw := x.group(t, s)
		base = x.Base[xg*xw+xl]
		for b := range e {
			e[b] = -x.Exp[(xg*8+b)*xw+xl] >> 23
		}
		for k, v := range q {
			sums[k/16] += int32(v)
		}
	}
	a.Base[g*w+l] = base
	a.putPlanes(g, l, w, &e, &sums)
	a.storeSlab(q, t, s)
}
