package quant

import (
	"cmp"
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Codec is one row of the table of formats. Its functions check nothing and
// allocate nothing: lengths must fit, dst and src must not overlap.
type Codec struct {
	Type tensor.Type

	// Decode writes the values of whole blocks: len(dst) is the number of
	// elements, a multiple of Type.BlockElems, and src holds their blocks.
	Decode func(dst []float32, src []byte)

	// Encode writes the blocks of src to dst; nil for types that can only be
	// decoded. Values must be finite, for block types below 2^30; a scale
	// beyond f16 is stored as Inf.
	Encode func(dst []byte, src []float32)

	// badBlock is the index of the first block of data with a NaN or Inf
	// scale (for plain floats: value), or -1.
	badBlock func(data []byte) int

	// largest bounds the magnitudes that Encode accepts for a block type; 0 stands
	// for usualLargest.
	largest float32

	// check, where Encode of a float type can make an Inf of a finite value, reports
	// the first; nil for the others.
	check func(dst []byte, src []float32) error
}

// usualLargest is out of reach of f16 scales that are multiplied by at most 127*127 to
// give a value; below it no sum in the searches overflows.
const usualLargest = 1 << 30

// codecs is a slice so that a build with the tag fakerows can add a row.
var codecs = []Codec{
	{tensor.F32, decodeF32, encodeF32, badF32, 0, nil},
	{tensor.F16, decodeF16, encodeF16, badF16, 0, checkF16Range},
	{tensor.BF16, decodeBF16, encodeBF16, badBF16, 0, nil},
	{tensor.F64, decodeF64, nil, badF64, 0, nil},
	{tensor.Q4_0, decodeQ4_0, encodeQ4_0, badQ4_0, 0, nil},
	{tensor.Q4_1, decodeQ4_1, encodeQ4_1, badQ4_1, 0, nil},
	{tensor.Q5_0, decodeQ5_0, encodeQ5_0, badQ5_0, 0, nil},
	{tensor.Q5_1, decodeQ5_1, encodeQ5_1, badQ5_1, 0, nil},
	{tensor.Q8_0, decodeQ8_0, encodeQ8_0, badQ8_0, 0, nil},
	{tensor.Q8_1, decodeQ8_1, nil, badQ8_1, 0, nil},
	{tensor.Q2_K, decodeQ2_K, encodeQ2_K, badQ2_K, 0, nil},
	{tensor.Q3_K, decodeQ3_K, encodeQ3_K, badQ3_K, 0, nil},
	{tensor.Q4_K, decodeQ4_K, encodeQ4_K, badQ4_K, 0, nil},
	{tensor.Q5_K, decodeQ5_K, encodeQ5_K, badQ5_K, 0, nil},
	{tensor.Q6_K, decodeQ6_K, encodeQ6_K, badQ6_K, 0, nil},
	{tensor.IQ4_NL, decodeIQ4_NL, encodeIQ4_NL, badIQ4_NL, 0, nil},
	{tensor.IQ4_XS, decodeIQ4_XS, encodeIQ4_XS, badIQ4_XS, 0, nil},
	{tensor.MXFP4, decodeMXFP4, encodeMXFP4, badMXFP4, math.MaxFloat32, nil},
}

// Lookup returns the codec of t.
func Lookup(t tensor.Type) (Codec, bool) {
	for i := range codecs {
		if codecs[i].Type == t {
			return codecs[i], true
		}
	}
	return Codec{}, false
}

// Support says what can be done with a type.
type Support struct {
	Type           tensor.Type
	Decode, Encode bool
}

// Supported lists every type with a codec, in table order.
func Supported() []Support {
	list := make([]Support, len(codecs))
	for i, c := range codecs {
		list[i] = Support{c.Type, c.Decode != nil, c.Encode != nil}
	}
	return list
}

// Decode widens src, whole blocks of type t, to exactly len(dst) float32.
func Decode(t tensor.Type, dst []float32, src []byte) error {
	c, err := lookup(t, len(dst), len(src))
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	c.Decode(dst, src)
	return nil
}

// Encode stores src as whole blocks of type t in dst, which must have exactly
// the size they need. Block types refuse NaN and Inf; f32, f16 and bf16 keep
// them. A finite value out of range or a scale that f16 cannot hold is an
// error. After an error the contents of dst are unspecified.
func Encode(t tensor.Type, dst []byte, src []float32) error {
	c, err := lookup(t, len(src), len(dst))
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if c.Encode == nil {
		return fmt.Errorf("encode: %s can be decoded but not encoded", t)
	}
	if t.Quantised() {
		if i := firstAbove(src, cmp.Or(c.largest, usualLargest)); i >= 0 {
			return fmt.Errorf("encode: element %d is %v, beyond the range of %s", i, src[i], t)
		}
	}
	c.Encode(dst, src)
	switch {
	case c.check != nil:
		return c.check(dst, src)
	case t.Quantised():
		if i := c.badBlock(dst); i >= 0 {
			return fmt.Errorf("encode: the scale of %s block %d overflows f16", t, i)
		}
	}
	return nil
}

// CheckBlocks reports the first block of data whose scale is NaN or Inf; for
// f32, f16, bf16 and f64 the first such value. The data must be whole blocks.
func CheckBlocks(t tensor.Type, data []byte) error {
	c, ok := Lookup(t)
	if !ok {
		return fmt.Errorf("check: %s is not supported", t)
	}
	if len(data)%t.BlockBytes() != 0 {
		return fmt.Errorf("check: %d bytes are not whole %s blocks of %d", len(data), t, t.BlockBytes())
	}
	i := c.badBlock(data)
	switch {
	case i < 0:
		return nil
	case t.Quantised():
		return fmt.Errorf("%s block %d (elements %d to %d) has a NaN or Inf scale",
			t, i, i*t.BlockElems(), (i+1)*t.BlockElems()-1)
	}
	return fmt.Errorf("%s element %d is NaN or Inf", t, i)
}

// lookup finds the codec of t and checks that elems elements are whole blocks
// of exactly size bytes.
func lookup(t tensor.Type, elems, size int) (Codec, error) {
	c, ok := Lookup(t)
	if !ok {
		return c, fmt.Errorf("%s is not supported", t)
	}
	want, err := t.RowBytes(int64(elems))
	if err != nil {
		return c, err
	}
	if int64(size) != want {
		return c, fmt.Errorf("%d bytes for %d %s elements, want %d", size, elems, t, want)
	}
	return c, nil
}

// firstAbove is the index of the first NaN or magnitude above limit, or -1.
func firstAbove(x []float32, limit float32) int {
	above := math.Float32bits(limit)
	if magnitude(x) <= above {
		return -1
	}
	for i, v := range x {
		if math.Float32bits(v)&0x7fffffff > above {
			return i
		}
	}
	return -1
}

// checkF16Range reports the first finite value that became Inf in f16.
func checkF16Range(dst []byte, src []float32) error {
	for base := 0; ; base++ {
		i := badF16(dst[2*base:])
		if i < 0 {
			return nil
		}
		base += i
		if v := src[base]; math.Float32bits(v)&0x7fffffff < 0x7f800000 {
			return fmt.Errorf("encode: element %d is %v, beyond the range of f16", base, v)
		}
	}
}
