package kernel

import "github.com/tessera-llm/tessera/pkg/pack"

// expand fills the scratch from the records of one slab: signed integers,
// scales, terms.
func (v *neonScratch) expand(f *pack.Format, rec []byte) {
	n, zero := len(rec)/f.Size, uint8(f.Zero)
	for i := range n {
		r := rec[i*f.Size:][:f.Size]
		v.expandScales(f, r, i)
		w := &v.w[64*f.Channels/4*i]
		if f.LowBits == 8 {
			neonFlip(w, &r[f.Low], f.LowVectors)
			continue
		}
		switch f.HighBits {
		case 0:
			neonNibbles(w, &r[f.Low], f.LowVectors, zero)
		case 1:
			neonNibbles(w, &r[f.Low], f.LowVectors, 0)
			neonHigh1(w, &r[f.High], f.HighVectors, zero)
		case 2:
			neonNibbles(w, &r[f.Low], f.LowVectors, 0)
			neonHigh2(w, &r[f.High], f.HighVectors, zero)
		}
	}
}

// expandScales fills the scales and terms of record i of the slab.
func (v *neonScratch) expandScales(f *pack.Format, r []byte, i int) {
	if f.Scale == pack.ScaleHalf {
		neonHalf(&v.scale[f.Halves*i][0], &r[0], 16*f.Halves)
		if f.HasMin() {
			neonHalf(&v.minF[f.Halves*i][0], &r[f.Min], 16*f.Halves)
		}
		return
	}
	neonHalf(&v.d[0], &r[0], 16)
	if f.Scale == pack.ScaleI8 {
		neonScalesSigned(&v.scale[0][0], &v.d[0], &r[f.Sub], f.Channels/f.Group)
	} else {
		neonScales(&v.scale[0][0], &v.d[0], &r[f.Sub], f.Channels/f.Group)
	}
	if f.HasMin() {
		neonHalf(&v.dmin[0], &r[f.Min], 16)
		for k := range v.dmin {
			v.dmin[k] *= 0.125
		}
		neonMins(&v.min[0][0], &r[f.SubMin], f.Channels/64)
	}
}
