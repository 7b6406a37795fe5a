package kernel

// kvVec is what NEON does with a codec itself: keys and values decode a chunk.
// Nil: it lies as decoding would give it.
type kvVec struct {
	keys   func(dst []float32, mem []byte, n, d int)
	values func(dst []float32, mem []byte, n, room, d int)
}

var f32Vec = &kvVec{}

var f16Vec = &kvVec{
	keys:   func(dst []float32, mem []byte, n, d int) { neonHalf(&dst[0], &mem[0], n*d) },
	values: func(dst []float32, mem []byte, n, _, d int) { neonHalf(&dst[0], &mem[0], n*d) },
}

var q8Vec = &kvVec{keys: neonQ8Keys, values: neonQ8Values}

// neonQ8Keys decodes panels of [block][16] halves, then bytes [D][16].
func neonQ8Keys(dst []float32, mem []byte, n, dim int) {
	var d [16]float32
	nb := dim / 32
	for p := range n / 16 {
		panel, out := mem[p*(nb*32+dim*16):], dst[p*dim*16:]
		for b := range nb {
			neonHalf(&d[0], &panel[32*b], 16)
			neonScalesSigned(&out[512*b], &d[0], &panel[nb*32+512*b], 32)
		}
	}
}

// neonQ8Values decodes bytes [room][D], then halves [room][block].
func neonQ8Values(dst []float32, mem []byte, n, room, dim int) {
	var d [16]float32
	for i := range n * (dim / 32) {
		scale := half(mem[room*dim+2*i:])
		for l := range d {
			d[l] = scale
		}
		neonScalesSigned(&dst[32*i], &d[0], &mem[32*i], 2)
	}
}
