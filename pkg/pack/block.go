package pack

import (
	"encoding/binary"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// group is what one row contributes to one record: the integers and scales of
// up to 256 channels, before they are interleaved with the other rows.
type group struct {
	q    [256]uint8 // stored unsigned values
	d, m [2]uint16  // fp16 scales and mins of two 32-blocks; d[0] and m[0] are d and dmin of a k-quant
	sc   [16]uint8  // k-quant scales: 8 of 6 bits, or 16 int8 (q6_k)
	mn   [8]uint8   // k-quant mins
}

// smallest is fp16 2^-24, the scale of zeros.
const smallest = 1

// zeroPoint is the stored value that decodes to zero.
func zeroPoint(t tensor.Type) uint8 {
	switch t {
	case tensor.Q8_0:
		return 128
	case tensor.Q4_0:
		return 8
	case tensor.Q5_0:
		return 16
	case tensor.Q6_K:
		return 32
	}
	return 0
}

// clear makes g decode to zeros.
func (g *group) clear(t tensor.Type) {
	*g = group{}
	g.d[0], g.d[1] = smallest, smallest
	zp := zeroPoint(t)
	for i := range g.q {
		g.q[i] = zp
	}
	for i := range g.sc {
		g.sc[i] = 1
	}
}

// ScaleError reports a NaN or infinite scale.
type ScaleError struct {
	Type  tensor.Type
	Row   int64 // row of the source
	Block int64 // block in the row
	Field string
	Bits  uint16
}

func (e *ScaleError) Error() string {
	return fmt.Sprintf("%s row %d block %d: %s is not finite (fp16 bits %#04x)", e.Type, e.Row, e.Block, e.Field, e.Bits)
}

func notFinite(h uint16) bool { return h&0x7c00 == 0x7c00 }
func isZero(h uint16) bool    { return h&0x7fff == 0 }

var le = binary.LittleEndian

// read32 fills half h (32 channels) of g from one block of a 32-block type.
func (g *group) read32(t tensor.Type, b []byte, h int) {
	q := g.q[32*h : 32*h+32]
	g.d[h] = le.Uint16(b)
	b = b[2:]
	if t == tensor.Q4_1 || t == tensor.Q5_1 {
		g.m[h] = le.Uint16(b)
		b = b[2:]
	}
	if t == tensor.Q8_0 {
		for i := range q {
			q[i] = b[i] ^ 0x80
		}
		return
	}
	high := uint32(0)
	if t == tensor.Q5_0 || t == tensor.Q5_1 {
		high = le.Uint32(b)
		b = b[4:]
	}
	for i := range 16 {
		q[i] = b[i]&15 | uint8(high>>i&1)<<4
		q[i+16] = b[i]>>4 | uint8(high>>(i+16)&1)<<4
	}
}

// write32 is the inverse of read32.
func (g *group) write32(t tensor.Type, b []byte, h int) {
	q := g.q[32*h : 32*h+32]
	le.PutUint16(b, g.d[h])
	b = b[2:]
	if t == tensor.Q4_1 || t == tensor.Q5_1 {
		le.PutUint16(b, g.m[h])
		b = b[2:]
	}
	if t == tensor.Q8_0 {
		for i := range q {
			b[i] = q[i] ^ 0x80
		}
		return
	}
	high := uint32(0)
	for i, v := range q {
		high |= uint32(v>>4) << i
	}
	if t == tensor.Q5_0 || t == tensor.Q5_1 {
		le.PutUint32(b, high)
		b = b[4:]
	}
	for i := range 16 {
		b[i] = q[i]&15 | q[i+16]<<4
	}
}

// sanitize32 checks and rewrites half h: row and block are for the error.
func (g *group) sanitize32(t tensor.Type, h int, row, block int64) error {
	if notFinite(g.d[h]) {
		return &ScaleError{t, row, block, "d", g.d[h]}
	}
	if notFinite(g.m[h]) {
		return &ScaleError{t, row, block, "m", g.m[h]}
	}
	g.rewrite32(t, h)
	return nil
}

// rewrite32 replaces a zero scale of half h and the values under it.
func (g *group) rewrite32(t tensor.Type, h int) {
	if !isZero(g.d[h]) {
		return
	}
	g.d[h] = smallest
	zp := zeroPoint(t)
	for i := range 32 {
		g.q[32*h+i] = zp
	}
}
