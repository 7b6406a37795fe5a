package kernel

import (
	"encoding/binary"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// quantPanel is one slab of a quantised panel, expanded for the generic tier.
// w holds two rows per word: row i in the low, row i+8 in the high half, as
// w_i + w_{i+8}*2^32, so one 64-bit multiply serves two rows; sums of a block
// stay below 2^20 in magnitude and split exactly.
type quantPanel struct {
	w     [Slab][8]int64
	scale [16][16]float32 // per block (or sub-block of 16 for q6_k) and row
	min   [8][16]float32  // m of q4_1, q5_1
	mn    [8][16]int32    // mn of q4_k, q5_k
	dmin  [16]float32     // dmin * 0.125
}

// stored expands the stored integers of one slab to q[channel][row], zero
// point removed.
func stored(q *[Slab][16]int16, t tensor.Type, rec []byte, n int) {
	nib, high, bits, zp := 0, 0, 0, int16(0)
	rb, rc := len(rec), 64
	switch t {
	case tensor.Q8_0:
		rb = 1088
		for k := range n {
			v := rec[k/64*rb+64+64*(k%64/4)+k%4:]
			for r := range 16 {
				q[k][r] = int16(v[4*r]) - 128
			}
		}
		return
	case tensor.Q4_0:
		rb, nib, zp = 576, 64, 8
	case tensor.Q4_1:
		rb, nib = 640, 128
	case tensor.Q5_0:
		rb, nib, high, bits, zp = 704, 64, 576, 1, 16
	case tensor.Q5_1:
		rb, nib, high, bits = 768, 128, 640, 1
	case tensor.Q4_K:
		rc, nib = 256, 320
	case tensor.Q5_K:
		rc, nib, high, bits = 256, 320, 2368, 1
	case tensor.Q6_K:
		rc, nib, high, bits, zp = 256, 320, 2368, 2, 32
	}
	per := 8
	if bits == 2 {
		per = 4
	}
	for k := range n {
		r0, kk := rec[k/rc*rb:], k%rc
		g := kk / 4
		v := r0[nib+64*(g/2)+kk%4:]
		shift := 4 * (g & 1)
		var h []byte
		hs, mask := g%per*bits, byte(1<<bits-1)
		if bits > 0 {
			h = r0[high+64*(g/per)+kk%4:]
		}
		for r := range 16 {
			x := int16(v[4*r] >> shift & 15)
			if bits > 0 {
				x |= int16(h[4*r]>>hs&mask) << 4
			}
			q[k][r] = x - zp
		}
	}
}

// expand fills p from the records of one slab of n channels.
func (p *quantPanel) expand(q *[Slab][16]int16, t tensor.Type, rec []byte, n int) {
	stored(q, t, rec, n)
	for k := range n {
		v, w := &q[k], &p.w[k]
		for i := range w {
			w[i] = int64(v[i]) + int64(v[i+8])<<32
		}
	}
	p.scales(t, rec, n)
}

func half(b []byte) float32 { return f32.FromHalf(binary.LittleEndian.Uint16(b)) }

func (p *quantPanel) scales(t tensor.Type, rec []byte, n int) {
	switch t {
	case tensor.Q4_K, tensor.Q5_K:
		for r := range 16 {
			d := half(rec[2*r:])
			p.dmin[r] = half(rec[32+2*r:]) * 0.125
			for b := range 8 {
				p.scale[b][r] = d * float32(rec[64+16*b+r])
				p.mn[b][r] = int32(rec[192+32*(b/2)+2*r+b%2])
			}
		}
	case tensor.Q6_K:
		for r := range 16 {
			d := half(rec[2*r:])
			for b := range 16 {
				p.scale[b][r] = d * float32(int8(rec[64+16*b+r]))
			}
		}
	default:
		rb := map32[t]
		for b := range ceil(n, 32) {
			v := rec[b/2*rb+b%2*32:]
			for r := range 16 {
				p.scale[b][r] = half(v[2*r:])
				if t == tensor.Q4_1 || t == tensor.Q5_1 {
					p.min[b][r] = half(v[64+2*r:])
				}
			}
		}
	}
}

// map32 is the record size of the 32-block types.
var map32 = [...]int{tensor.Q8_0: 1088, tensor.Q4_0: 576, tensor.Q4_1: 640, tensor.Q5_0: 704, tensor.Q5_1: 768}

// expandFloat decodes one slab of n channels of any type to w[channel][row].
// A zero integer or scale gives +0, as in pack.GatherRow.
func expandFloat(w *[Slab][16]float32, p *quantPanel, q *[Slab][16]int16, t tensor.Type, rec []byte, n int) {
	le := binary.LittleEndian
	switch t {
	case tensor.F32:
		for k := range n {
			for r := range 16 {
				w[k][r] = math.Float32frombits(le.Uint32(rec[64*k+4*r:]))
			}
		}
		return
	case tensor.F16:
		for k := range n {
			for r := range 16 {
				w[k][r] = half(rec[32*k+2*r:])
			}
		}
		return
	case tensor.BF16:
		for k := range n {
			for r := range 16 {
				w[k][r] = math.Float32frombits(uint32(le.Uint16(rec[64*(k/2)+4*r+2*(k%2):])) << 16)
			}
		}
		return
	}
	stored(q, t, rec, n)
	p.scales(t, rec, n)
	for k := range n {
		for r := range 16 {
			d := p.scale[k/32][r]
			if t == tensor.Q6_K {
				d = p.scale[k/16][r]
			}
			v := float32(0)
			if q[k][r] != 0 && d != 0 {
				v = float32(d * float32(q[k][r]))
			}
			switch t {
			case tensor.Q4_K, tensor.Q5_K:
				v -= float32(float32(p.dmin[r]*8) * float32(p.mn[k/32][r]))
			case tensor.Q4_1, tensor.Q5_1:
				v += p.min[k/32][r]
			}
			w[k][r] = v
		}
	}
}
