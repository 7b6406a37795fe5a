package kernel

// A V that is the first channels of K (KVShape.VOfK) is not kept. Attention
// decodes a chunk of K and takes the rows of V from there. They are what V's own
// rows would be, bit by bit, because a codec encodes block by block and the
// channels are whole blocks: decoding the beginning of a row is the beginning of
// the decoded row.

// noPlace keeps nothing.
var noPlace = kvPlace{
	store:  func(mem, row []byte, pos, room, d int) {},
	load:   func(row, mem []byte, pos, room, d int) {},
	decode: func(dst []float32, mem []byte, n, room, d int) {},
	planes: func(row, d int) (first, second int) { return 0, 0 },
}

// valuesOfKeys makes rows [n][vd] of V of the first vd channels of n decoded
// positions of K, which lie in panels [n/16][kd][16]. n is a multiple of 16.
func valuesOfKeys(dst, k []float32, n, kd, vd int) {
	for p := range n / 16 {
		panel, rows := k[p*16*kd:][:16*vd], dst[p*16*vd:][:16*vd]
		for i := range vd {
			for l, x := range (*[16]float32)(panel[16*i:]) {
				rows[l*vd+i] = x
			}
		}
	}
}
