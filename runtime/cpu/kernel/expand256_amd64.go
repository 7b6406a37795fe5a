package kernel

import "github.com/tessera-llm/tessera/pkg/pack"

// expand fills the scratch from the records of one slab; wide asks for the
// int16 form of bytes.
func (v *scratch256) expand(f *pack.Format, rec []byte, wide bool) {
	w, n := &v.w[0], len(rec)/f.Size
	v.expandScales(f, rec, n)
	switch {
	case wide:
		wideWeights256(w, &rec[f.Low], n, f.Size)
	case f.LowBits == 8:
		for i := range n {
			copy(v.w[64*f.LowVectors*i:][:64*f.LowVectors], rec[i*f.Size+f.Low:])
		}
	default:
		nibbles256(w, &rec[f.Low], f.LowVectors, n, f.Size)
	}
	switch f.HighBits {
	case 1:
		highBits256(w, &rec[f.High], f.HighVectors, n, f.Size)
	case 2:
		high2Bits256(w, &rec[f.High], f.HighVectors)
	}
}

// expandScales fills the scales and terms of n records.
func (v *scratch256) expandScales(f *pack.Format, rec []byte, n int) {
	if f.Scale == pack.ScaleHalf {
		scales256(&v.scale[0][0], &rec[0], n, f.Size)
		if f.HasMin() {
			scales256(&v.minF[0][0], &rec[f.Min], n, f.Size)
		}
		return
	}
	half256(&v.d[0], &rec[0], 16)
	if f.Scale == pack.ScaleI8 {
		q6Scales256(&v.scale[0][0], &v.d[0], &rec[f.Sub], f.Channels/f.Group)
	} else {
		kScales256(&v.scale[0][0], &v.d[0], &rec[f.Sub], f.Channels/f.Group)
	}
	if f.HasMin() {
		half256(&v.dmin[0], &rec[f.Min], 16)
		scale256(&v.dmin[0], 0.125, 16)
		kMins256(&v.min[0][0][0], &rec[f.SubMin])
	}
}
