package kernel

import "github.com/tessera-llm/tessera/pkg/tensor"

//go:noescape
func nibbles256(w, nib *byte, n int)

//go:noescape
func highBits256(w, high *byte, n int)

//go:noescape
func high2Bits256(w, high *byte, n int)

//go:noescape
func half256(dst *float32, src *byte, n int)

//go:noescape
func kScales256(scale, d *float32, sc *byte, n int)

//go:noescape
func q6Scales256(scale, d *float32, sc *byte, n int)

//go:noescape
func kMins256(min *int16, mn *byte)

//go:noescape
func bf16Pairs256(dst *float32, src *byte, n int)

//go:noescape
func wideWeights256(w, src *byte, n int)

//go:noescape
func wideActs256(dst *int16, q *int8, n int)

//go:noescape
func pairSums256(dst *int16, q *int8, n int)

// expand fills the scratch from the records of one slab; wide asks for the
// int16 form of q8_0.
func (v *scratch256) expand(t tensor.Type, rec []byte, wide bool) {
	w := &v.w[0]
	switch t {
	case tensor.Q4_K, tensor.Q5_K:
		half256(&v.d[0], &rec[0], 16)
		half256(&v.dmin[0], &rec[32], 16)
		scale256(&v.dmin[0], 0.125, 16)
		kScales256(&v.scale[0][0], &v.d[0], &rec[64], 8)
		kMins256(&v.min[0][0][0], &rec[192])
		nibbles256(w, &rec[320], 32)
		if t == tensor.Q5_K {
			highBits256(w, &rec[2368], 8)
		}
		return
	case tensor.Q6_K:
		half256(&v.d[0], &rec[0], 16)
		q6Scales256(&v.scale[0][0], &v.d[0], &rec[64], 16)
		nibbles256(w, &rec[320], 32)
		high2Bits256(w, &rec[2368], 16)
		return
	}
	size := map32[t]
	for i := range len(rec) / size {
		r, out := rec[i*size:][:size], v.w[1024*i:]
		half256(&v.scale[2*i][0], &r[0], 32)
		switch t {
		case tensor.Q8_0:
			if wide {
				wideWeights256(&v.w[2048*i], &r[64], 16)
			} else {
				copy(out[:1024], r[64:])
			}
		case tensor.Q4_0:
			nibbles256(&out[0], &r[64], 8)
		case tensor.Q4_1:
			half256(&v.minF[2*i][0], &r[64], 32)
			nibbles256(&out[0], &r[128], 8)
		case tensor.Q5_0:
			nibbles256(&out[0], &r[64], 8)
			highBits256(&out[0], &r[576], 2)
		case tensor.Q5_1:
			half256(&v.minF[2*i][0], &r[64], 32)
			nibbles256(&out[0], &r[128], 8)
			highBits256(&out[0], &r[640], 2)
		}
	}
}
