package kernel

import "github.com/tessera-llm/tessera/pkg/tensor"

//go:noescape
func neonFlip(w, src *byte, n int)

//go:noescape
func neonNibbles(w, nib *byte, n int, zero uint8)

//go:noescape
func neonHigh1(w, high *byte, n int, zero uint8)

//go:noescape
func neonHigh2(w, high *byte, n int, zero uint8)

//go:noescape
func neonHalf(dst *float32, src *byte, n int)

//go:noescape
func neonBF16(dst *float32, src *byte, n int)

//go:noescape
func neonScales(scale, d *float32, sc *byte, n int)

//go:noescape
func neonScalesSigned(scale, d *float32, sc *byte, n int)

//go:noescape
func neonMins(min *int16, mn *byte, n int)

// expand fills the scratch from the records of one slab: signed integers,
// scales, mins.
func (v *neonScratch) expand(t tensor.Type, rec []byte) {
	w := &v.w[0]
	switch t {
	case tensor.Q4_K, tensor.Q5_K:
		neonHalf(&v.d[0], &rec[0], 16)
		neonHalf(&v.dmin[0], &rec[32], 16)
		for r := range v.dmin {
			v.dmin[r] *= 0.125
		}
		neonScales(&v.scale[0][0], &v.d[0], &rec[64], 8)
		neonMins(&v.min[0][0], &rec[192], 4)
		neonNibbles(w, &rec[320], 32, 0)
		if t == tensor.Q5_K {
			neonHigh1(w, &rec[2368], 8, 0)
		}
		return
	case tensor.Q6_K:
		neonHalf(&v.d[0], &rec[0], 16)
		neonScalesSigned(&v.scale[0][0], &v.d[0], &rec[64], 16)
		neonNibbles(w, &rec[320], 32, 0)
		neonHigh2(w, &rec[2368], 16, 32)
		return
	}
	size := map32[t]
	for i := range len(rec) / size {
		r, w := rec[i*size:][:size], &v.w[1024*i]
		neonHalf(&v.scale[2*i][0], &r[0], 32)
		switch t {
		case tensor.Q8_0:
			neonFlip(w, &r[64], 16)
		case tensor.Q4_0:
			neonNibbles(w, &r[64], 8, 8)
		case tensor.Q4_1:
			neonHalf(&v.minF[2*i][0], &r[64], 32)
			neonNibbles(w, &r[128], 8, 0)
		case tensor.Q5_0:
			neonNibbles(w, &r[64], 8, 0)
			neonHigh1(w, &r[576], 2, 16)
		case tensor.Q5_1:
			neonHalf(&v.minF[2*i][0], &r[64], 32)
			neonNibbles(w, &r[128], 8, 0)
			neonHigh1(w, &r[640], 2, 0)
		}
	}
}
