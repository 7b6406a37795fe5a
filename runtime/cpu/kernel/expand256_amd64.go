package kernel

import "github.com/tessera-llm/tessera/pkg/tensor"

//go:noescape
func nibbles256(w, nib *byte, n, reps, stride int)

//go:noescape
func highBits256(w, high *byte, n, reps, stride int)

//go:noescape
func high2Bits256(w, high *byte, n int)

//go:noescape
func scales256(dst *float32, src *byte, reps, stride int)

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
func wideWeights256(w, src *byte, reps, stride int)

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
		nibbles256(w, &rec[320], 32, 1, 0)
		if t == tensor.Q5_K {
			highBits256(w, &rec[2368], 8, 1, 0)
		}
		return
	case tensor.Q6_K:
		half256(&v.d[0], &rec[0], 16)
		q6Scales256(&v.scale[0][0], &v.d[0], &rec[64], 16)
		nibbles256(w, &rec[320], 32, 1, 0)
		high2Bits256(w, &rec[2368], 16)
		return
	}
	size := map32[t]
	n := len(rec) / size
	scales256(&v.scale[0][0], &rec[0], n, size)
	switch t {
	case tensor.Q8_0:
		if wide {
			wideWeights256(w, &rec[64], n, size)
			return
		}
		for i := range n {
			copy(v.w[1024*i:1024*i+1024], rec[i*size+64:])
		}
	case tensor.Q4_0:
		nibbles256(w, &rec[64], 8, n, size)
	case tensor.Q4_1:
		scales256(&v.minF[0][0], &rec[64], n, size)
		nibbles256(w, &rec[128], 8, n, size)
	case tensor.Q5_0:
		nibbles256(w, &rec[64], 8, n, size)
		highBits256(w, &rec[576], 2, n, size)
	case tensor.Q5_1:
		scales256(&v.minF[0][0], &rec[64], n, size)
		nibbles256(w, &rec[128], 8, n, size)
		highBits256(w, &rec[640], 2, n, size)
	}
}
