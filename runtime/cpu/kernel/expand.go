package kernel

import (
	"encoding/binary"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// quantPanel is one slab of a quantised panel, expanded for the generic tier.
// w holds two rows per word: row i in the low, row i+8 in the high half, as
// w_i + w_{i+8}*2^32, so one 64-bit multiply serves two rows; sums of a block
// stay below 2^20 in magnitude and split exactly.
type quantPanel struct {
	w     [Slab][8]int64
	scale [16][16]float32 // per group of channels under a scale and row
	min   [8][16]float32  // m of a type with the plane bsum
	mn    [8][16]int32    // mn of a type with the plane minpair
	dmin  [16]float32     // dmin * 0.125
}

// stored expands the integers of one slab to q[channel][row].
func stored(q *[Slab][16]int16, f *pack.Format, rec []byte, n int) {
	if f.LowBits == 8 {
		for k := range n {
			at := k % f.Channels
			v := rec[k/f.Channels*f.Size+f.Low+64*(at/4)+at%4:]
			for r := range 16 {
				q[k][r] = int16(v[4*r]) - int16(f.Zero)
			}
		}
		return
	}
	per := 8 // groups of 4 channels in a vector of high bits
	if f.HighBits == 2 {
		per = 4
	}
	for k := range n {
		r0, kk := rec[k/f.Channels*f.Size:], k%f.Channels
		g := kk / 4
		v := r0[f.Low+64*(g/2)+kk%4:]
		shift := 4 * (g & 1)
		var h []byte
		hs, mask := g%per*f.HighBits, byte(1<<f.HighBits-1)
		if f.HighBits > 0 {
			h = r0[f.High+64*(g/per)+kk%4:]
		}
		for r := range 16 {
			x := int16(v[4*r] >> shift & 15)
			switch {
			case f.LUT != nil:
				q[k][r] = int16(f.LUT[x])
				continue
			case f.HighBits > 0:
				x |= int16(h[4*r]>>hs&mask) << 4
			}
			q[k][r] = x - int16(f.Zero)
		}
	}
}

// expand fills p from the records of one slab of n channels.
func (p *quantPanel) expand(q *[Slab][16]int16, f *pack.Format, rec []byte, n int) {
	stored(q, f, rec, n)
	for k := range n {
		v, w := &q[k], &p.w[k]
		for i := range w {
			w[i] = int64(v[i]) + int64(v[i+8])<<32
		}
	}
	p.scales(f, rec, n)
}

func half(b []byte) float32 { return f32.FromHalf(binary.LittleEndian.Uint16(b)) }

// scales reads the scales and terms of the records of one slab of n channels.
func (p *quantPanel) scales(f *pack.Format, rec []byte, n int) {
	if f.Scale == pack.ScaleHalf {
		for b := range ceil(n, 32) {
			v := rec[b/f.Halves*f.Size+b%f.Halves*32:]
			for r := range 16 {
				p.scale[b][r] = half(v[2*r:])
				if f.HasMin() {
					p.min[b][r] = half(v[f.Min+2*r:])
				}
			}
		}
		return
	}
	for r := range 16 {
		d := half(rec[2*r:])
		for b := range f.Channels / f.Group {
			sc := rec[f.Sub+16*b+r]
			if f.Scale == pack.ScaleI8 {
				p.scale[b][r] = d * float32(int8(sc))
			} else {
				p.scale[b][r] = d * float32(sc)
			}
		}
		if f.HasMin() {
			p.dmin[r] = half(rec[f.Min+2*r:]) * 0.125
			for b := range f.Channels / 32 {
				p.mn[b][r] = int32(rec[f.SubMin+32*(b/2)+2*r+b%2])
			}
		}
	}
}

// expandFloat decodes one slab of n channels of any type to w[channel][row].
// A zero integer or scale gives +0, as in pack.Form.Gather.
func expandFloat(w *[Slab][16]float32, p *quantPanel, q *[Slab][16]int16, t tensor.Type, rec []byte, n int) {
	f := pack.Lookup(t)
	if f.Floats != nil {
		f.Floats.Panel(w[:n], rec)
		return
	}
	stored(q, f, rec, n)
	p.scales(f, rec, n)
	for k := range n {
		for r := range 16 {
			d := p.scale[k/f.Group][r]
			v := float32(0)
			if q[k][r] != 0 && d != 0 {
				v = float32(d * float32(q[k][r]))
			}
			switch f.Plane {
			case pack.PlaneMinPair:
				v -= float32(float32(p.dmin[r]*8) * float32(p.mn[k/32][r]))
			case pack.PlaneBSum:
				v += p.min[k/32][r]
			}
			w[k][r] = v
		}
	}
}
