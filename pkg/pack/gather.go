package pack

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// GatherRow decodes one row of a packed weight to dst[:k]. row counts over the
// concatenation of the members, padding excluded. Values are q*d, q*d+m and so
// on in float32 as GGUF defines them; a zero
// integer or scale gives +0.
func GatherRow(dst []float32, packed []byte, t tensor.Type, rows []int64, k, row int64) error {
	panel, err := PanelBytes(t, k)
	if err != nil {
		return err
	}
	if int64(len(dst)) < k {
		return fmt.Errorf("gather of row %d: got room for %d channels, want %d", row, len(dst), k)
	}
	p, r := int64(0), row
	for _, n := range rows {
		if r >= 0 && r < n {
			p += r / PanelRows
			if int64(len(packed))/panel <= p {
				return fmt.Errorf("gather of row %d: %d packed bytes end before it", row, len(packed))
			}
			DecodeRow(dst[:k], packed[p*panel:(p+1)*panel], t, int(r%PanelRows))
			return nil
		}
		r -= n
		p += Panels(n)
	}
	return fmt.Errorf("gather of row %d: weight has rows %v", row, rows)
}

// DecodeRow decodes row r (0..15) of one panel to dst; len(dst) channels.
func DecodeRow(dst []float32, panel []byte, t tensor.Type, r int) {
	switch t {
	case tensor.F32:
		for k := range dst {
			dst[k] = math.Float32frombits(le.Uint32(panel[64*k+4*r:]))
		}
		return
	case tensor.F16:
		for k := range dst {
			dst[k] = f32.FromHalf(le.Uint16(panel[32*k+2*r:]))
		}
		return
	case tensor.BF16:
		for k := range dst {
			dst[k] = math.Float32frombits(uint32(le.Uint16(panel[64*(k/2)+4*r+2*(k%2):])) << 16)
		}
		return
	}
	rec := records[t]
	var g group
	for len(dst) > 0 {
		g.get(panel[:rec.bytes], t, r)
		n := min(len(dst), int(rec.channels))
		g.decode(dst[:n], t)
		dst, panel = dst[n:], panel[rec.bytes:]
	}
}

// DecodeBlocks decodes whole GGUF blocks of a quantised type to dst with the
// same values as GatherRow after packing.
func DecodeBlocks(dst []float32, src []byte, t tensor.Type) {
	elems, bb := t.BlockElems(), t.BlockBytes()
	var g group
	for len(dst) > 0 {
		if elems == 256 {
			g.read256(t, src[:bb])
		} else {
			g.read32(t, src[:bb], 0)
		}
		g.decode(dst[:elems], t)
		dst, src = dst[elems:], src[bb:]
	}
}

// decode writes the float values of the first len(dst) channels of g.
func (g *group) decode(dst []float32, t tensor.Type) {
	zp := int(zeroPoint(t))
	for k := 0; k < len(dst); k += 16 {
		var d, m float32
		switch t {
		case tensor.Q4_K, tensor.Q5_K:
			d = f32.FromHalf(g.d[0]) * float32(g.sc[k/32])
			m = -float32(f32.FromHalf(g.m[0]) * float32(g.mn[k/32]))
		case tensor.Q6_K:
			d = f32.FromHalf(g.d[0]) * float32(int8(g.sc[k/16]))
		case tensor.Q4_1, tensor.Q5_1:
			d, m = f32.FromHalf(g.d[k/32]), f32.FromHalf(g.m[k/32])
		default:
			d = f32.FromHalf(g.d[k/32])
		}
		hasMin := t == tensor.Q4_K || t == tensor.Q5_K || t == tensor.Q4_1 || t == tensor.Q5_1
		run := dst[k:min(len(dst), k+16)]
		q := g.q[k:][:len(run)]
		for i := range run {
			v := float32(0)
			if n := int(q[i]) - zp; n != 0 && d != 0 {
				v = float32(d * float32(n))
			}
			if hasMin {
				v += m
			}
			run[i] = v
		}
	}
}

// DecodeRows decodes len(dst) channels stored as in GGUF: floats of any p16
// type, or whole blocks as DecodeBlocks does.
func DecodeRows(dst []float32, src []byte, t tensor.Type) {
	switch t {
	case tensor.F32:
		for k := range dst {
			dst[k] = math.Float32frombits(le.Uint32(src[4*k:]))
		}
	case tensor.F16:
		for k := range dst {
			dst[k] = f32.FromHalf(le.Uint16(src[2*k:]))
		}
	case tensor.BF16:
		for k := range dst {
			dst[k] = math.Float32frombits(uint32(le.Uint16(src[2*k:])) << 16)
		}
	default:
		DecodeBlocks(dst, src, t)
	}
}

// DecodeMin is the term that type t subtracts (k-quants) or adds (q4_1, q5_1)
// in 32-channel block b of a GGUF row: dmin*mn or m; zero for other types.
func DecodeMin(row []byte, t tensor.Type, b int) float32 {
	var g group
	bb := t.BlockBytes()
	switch t {
	case tensor.Q4_K, tensor.Q5_K:
		g.read256(t, row[b/8*bb:][:bb])
		return f32.FromHalf(g.m[0]) * float32(g.mn[b%8])
	case tensor.Q4_1, tensor.Q5_1:
		g.read32(t, row[b*bb:][:bb], 0)
		return f32.FromHalf(g.m[0])
	}
	return 0
}
