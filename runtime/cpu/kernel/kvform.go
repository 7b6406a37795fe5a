package kernel

import (
	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/codec"
)

// kvForm is how the rows of a codec lie in a chunk, and what reads and writes
// them there. One row per codec; a codec without a row lies as encoded, position
// by position (rowsForm).
//
// A chunk has room for a multiple of 16 positions ("room"), of d channels ("d"), and
// takes room·Bytes(d) bytes for K, as many for V:
//
//	K   panels of 16 positions: f32 or f16 [D][16 positions];
//	    q8_0: d fp16 [D/32][16], then int8 [D][16]
//	V   row-major [room][D] f32 or f16; q8_0: int8 [room][D], then d fp16 [room][D/32]
//
// What lies beside the positions that were written, in a panel or behind them, is
// always readable and never part of a result.
type kvForm struct {
	*codec.Codec
	k, v kvPlace
	// encode is Encode on vectors of a tier; false if it cannot. Nil: never.
	encode func(vec Tier, dst []byte, x []float32) bool
	// vec is what the tiers of this machine read in place or decode themselves; nil
	// for what decode does.
	vec *kvVec
}

// kvPlace is K or V in a form.
type kvPlace struct {
	// store puts an encoded row at a position, load gets it.
	store func(mem, row []byte, pos, room, d int)
	load  func(row, mem []byte, pos, room, d int)
	// decode reads positions [0, n), n a multiple of 16, back as f32: K as panels
	// [n/16][D][16], V as rows [n][D].
	decode func(dst []float32, mem []byte, n, room, d int)
	// planes lists the bytes per position of what lies one behind the other.
	planes func(row, d int) (first, second int)
}

// kvForms is the table.
var kvForms = []*kvForm{
	{Codec: codec.F32, k: panelsOf[float32](keep32), v: rowsOf[float32](keep32), encode: copy32, vec: f32Vec},
	{Codec: codec.F16, k: panelsOf[uint16](f32.FromHalf), v: rowsOf[uint16](f32.FromHalf), encode: encodeHalf, vec: f16Vec},
	{Codec: codec.Q8_0, k: q8Panels, v: q8Rows, vec: q8Vec},
}

// formOf returns the row of c.
func formOf(c *codec.Codec) *kvForm {
	for _, f := range kvForms {
		if f.Codec == c {
			return f
		}
	}
	return rowsForm(c)
}

func keep32(x float32) float32 { return x }

func copy32(_ Tier, dst []byte, x []float32) bool {
	copy(slice[float32](dst, 0, len(x)), x)
	return true
}

func encodeHalf(vec Tier, dst []byte, x []float32) bool {
	return vec != Generic && len(x)%16 == 0 && vecHalf(vec, slice[uint16](dst, 0, len(x)), x)
}

func onePlane(row, d int) (int, int) { return row, 0 }

// panelsOf is K of a codec that keeps one T per channel.
func panelsOf[T float32 | uint16](value func(T) float32) kvPlace {
	panel := func(mem []byte, pos, d int) []T { return slice[T](mem, 0, (pos/16+1)*16*d)[pos/16*16*d:] }
	return kvPlace{
		store: func(mem, row []byte, pos, room, d int) {
			p := panel(mem, pos, d)
			for i, x := range slice[T](row, 0, d) {
				p[16*i+pos%16] = x
			}
		},
		load: func(row, mem []byte, pos, room, d int) {
			p, r := panel(mem, pos, d), slice[T](row, 0, d)
			for i := range r {
				r[i] = p[16*i+pos%16]
			}
		},
		decode: func(dst []float32, mem []byte, n, room, d int) {
			for i, x := range slice[T](mem, 0, n*d) {
				dst[i] = value(x)
			}
		},
		planes: onePlane,
	}
}

// rowsOf is V of one.
func rowsOf[T float32 | uint16](value func(T) float32) kvPlace {
	return kvPlace{
		store: func(mem, row []byte, pos, room, d int) { copy(mem[pos*len(row):], row) },
		load:  func(row, mem []byte, pos, room, d int) { copy(row, mem[pos*len(row):]) },
		decode: func(dst []float32, mem []byte, n, room, d int) {
			for i, x := range slice[T](mem, 0, n*d) {
				dst[i] = value(x)
			}
		},
		planes: onePlane,
	}
}

// q8Panels is K in q8_0.
var q8Panels = kvPlace{
	store: func(mem, row []byte, pos, room, d int) {
		nb, lane := d/32, pos%16
		p := mem[pos/16*16*len(row):]
		for b := range nb {
			p[b*32+2*lane], p[b*32+2*lane+1] = row[34*b], row[34*b+1]
			for i := range 32 {
				p[nb*32+(32*b+i)*16+lane] = row[34*b+2+i]
			}
		}
	},
	load: func(row, mem []byte, pos, room, d int) {
		nb, lane := d/32, pos%16
		p := mem[pos/16*16*len(row):]
		for b := range nb {
			row[34*b], row[34*b+1] = p[b*32+2*lane], p[b*32+2*lane+1]
			for i := range 32 {
				row[34*b+2+i] = p[nb*32+(32*b+i)*16+lane]
			}
		}
	},
	decode: func(dst []float32, mem []byte, n, room, d int) {
		nb := d / 32
		for p := range n / 16 {
			src := mem[p*(nb*32+d*16):]
			for i := range d {
				for l := range 16 {
					dst[(p*d+i)*16+l] = float32(int8(src[nb*32+i*16+l])) * half(src[i/32*32+2*l:])
				}
			}
		}
	},
	planes: onePlane,
}

// q8Rows is V in q8_0.
var q8Rows = kvPlace{
	store: func(mem, row []byte, pos, room, d int) {
		for b := range d / 32 {
			copy(mem[room*d+(pos*(d/32)+b)*2:], row[34*b:34*b+2])
			copy(mem[pos*d+32*b:], row[34*b+2:34*b+34])
		}
	},
	load: func(row, mem []byte, pos, room, d int) {
		for b := range d / 32 {
			copy(row[34*b:34*b+2], mem[room*d+(pos*(d/32)+b)*2:])
			copy(row[34*b+2:34*b+34], mem[pos*d+32*b:])
		}
	},
	decode: func(dst []float32, mem []byte, n, room, d int) {
		for j := range n {
			for i := range d {
				dst[j*d+i] = float32(int8(mem[j*d+i])) * half(mem[room*d+(j*(d/32)+i/32)*2:])
			}
		}
	},
	planes: func(_, d int) (int, int) { return d, d / 16 },
}

// rowsForm keeps rows as c encodes them and decodes them one by one: what a
// codec has that no kernel knows.
func rowsForm(c *codec.Codec) *kvForm {
	rows := kvPlace{
		store: func(mem, row []byte, pos, room, d int) { copy(mem[pos*len(row):], row) },
		load:  func(row, mem []byte, pos, room, d int) { copy(row, mem[pos*len(row):]) },
		decode: func(dst []float32, mem []byte, n, room, d int) {
			for j := range n {
				c.Decode(dst[j*d:(j+1)*d], mem[j*c.Bytes(d):])
			}
		},
		planes: onePlane,
	}
	k := rows
	k.decode = func(dst []float32, mem []byte, n, room, d int) {
		var x [512]float32
		block := hideSlice(x[:])
		if c.Block > len(x) {
			block = make([]float32, c.Block)
		}
		block = block[:c.Block]
		for j := range n {
			for b := 0; b < d; b += c.Block {
				c.Decode(block, mem[j*c.Bytes(d)+c.Bytes(b):])
				for i, v := range block {
					dst[(j/16*d+b+i)*16+j%16] = v
				}
			}
		}
	}
	return &kvForm{Codec: c, k: k, v: rows}
}
