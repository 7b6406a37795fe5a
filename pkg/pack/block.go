package pack

import (
	"encoding/binary"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

var le = binary.LittleEndian

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

// refusal is the error of the block just read into half h, nil if its scales
// are finite.
func (s *scales) refusal(f *Format, h int, row, block int64) *ScaleError {
	switch {
	case notFinite(s.d[h]):
		return &ScaleError{f.Type, row, block, "d", s.d[h]}
	case notFinite(s.m[h]) && f.Scale == ScaleU6:
		return &ScaleError{f.Type, row, block, "dmin", s.m[h]}
	case notFinite(s.m[h]):
		return &ScaleError{f.Type, row, block, "m", s.m[h]}
	}
	return nil
}

// read32 fills half h (32 channels) of a row from one block of a 32-block type.
func (f *Format) read32(w *words, s *scales, b []byte, h int) {
	b = b[:f.bytes]
	s.d[h] = le.Uint16(b)
	if f.LowBits == 8 {
		q := (*[32]byte)(b[2:])
		v := (*[8]uint32)(w[8*h:])
		for i := range 4 {
			x := le.Uint64(q[8*i:]) ^ tops
			v[2*i], v[2*i+1] = uint32(x), uint32(x>>32)
		}
		return
	}
	if f.HasMin() {
		s.m[h] = le.Uint16(b[2:])
	}
	if f.HighBits != 0 {
		w[8+h] = spread(le.Uint32(b[len(b)-20:]))
	}
	q := (*[16]byte)(b[len(b)-16:])
	v := (*[4]uint32)(w[4*h:])
	v[0], v[2] = split(le.Uint64(q[:]))
	v[1], v[3] = split(le.Uint64(q[8:]))
}

// write32 is the inverse of read32.
func (f *Format) write32(w *words, s *scales, b []byte, h int) {
	b = b[:f.bytes]
	le.PutUint16(b, s.d[h])
	if f.LowBits == 8 {
		for i, x := range w[8*h : 8*h+8] {
			le.PutUint32(b[2+4*i:], x^0x80808080)
		}
		return
	}
	if f.HasMin() {
		le.PutUint16(b[2:], s.m[h])
	}
	if f.HighBits != 0 {
		le.PutUint32(b[len(b)-20:], gather(w[8+h]))
	}
	q := b[len(b)-16:]
	v := w[4*h : 4*h+4]
	le.PutUint64(q, join(v[0], v[2]))
	le.PutUint64(q[8:], join(v[1], v[3]))
}

// rewrite32 replaces a zero scale of half h and the values under it, where the
// type has a value for zero.
func (f *Format) rewrite32(w *words, s *scales, h int) {
	if !isZero(s.d[h]) || !f.HasZero() {
		return
	}
	s.d[h] = smallest
	per := f.LowVectors / 2 // vectors of low bits in a half
	for i := range per {
		w[per*h+i] = f.zeroLow
	}
	if f.HighBits != 0 {
		w[f.LowVectors+h] = f.zeroHigh
	}
}
