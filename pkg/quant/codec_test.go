package quant

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

func TestErrors(t *testing.T) {
	f32 := func(n int, set ...float32) []float32 { return append(set, make([]float32, n-len(set))...) }
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"decode unsupported", Decode(tensor.IQ1_S, nil, nil), "decode: iq1_s is not supported"},
		{"decode invalid", Decode(tensor.Invalid, nil, nil), "decode: invalid is not supported"},
		{"decode part of a block", Decode(tensor.Q4_K, f32(128), make([]byte, 72)), "does not fill whole q4_k blocks"},
		{"decode short", Decode(tensor.Q8_0, f32(64), make([]byte, 67)), "67 bytes for 64 q8_0 elements, want 68"},
		{"decode long", Decode(tensor.F16, f32(2), make([]byte, 6)), "6 bytes for 2 f16 elements, want 4"},
		{"encode unsupported", Encode(tensor.I8, make([]byte, 1), f32(1)), "encode: i8 is not supported"},
		{"encode decode-only", Encode(tensor.Q8_1, make([]byte, 36), f32(32)), "q8_1 can be decoded but not encoded"},
		{"encode short", Encode(tensor.Q6_K, make([]byte, 209), f32(256)), "209 bytes for 256 q6_k elements, want 210"},
		{"encode NaN", Encode(tensor.Q4_0, make([]byte, 18), f32(32, 0, nan)), "element 1 is NaN, beyond the range of q4_0"},
		{"encode Inf", Encode(tensor.Q6_K, make([]byte, 210), f32(256, -inf)), "element 0 is -Inf, beyond the range of q6_k"},
		{"encode f16 overflow", Encode(tensor.F16, make([]byte, 6), f32(3, inf, nan, 65520)), "element 2 is 65520, beyond the range of f16"},
		{"check unsupported", CheckBlocks(tensor.IQ1_S, nil), "check: iq1_s is not supported"},
		{"check part of a block", CheckBlocks(tensor.Q5_K, make([]byte, 175)), "175 bytes are not whole q5_k blocks of 176"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, c.err, c.want)
		}
	}
}

// TestOverflow encodes finite values whose scale no f16 holds: the scale is at
// least the magnitude over 127*127.
func TestOverflow(t *testing.T) {
	for _, c := range codecs {
		if !c.Type.Quantised() || c.Encode == nil || c.Type == tensor.MXFP4 {
			continue
		}
		for _, v := range []float32{2e9, -2e9, 1e20, math.MaxFloat32, -math.MaxFloat32} {
			x := make([]float32, 512)
			x[300], x[310] = v, -v
			dst := make([]byte, len(x)/c.Type.BlockElems()*c.Type.BlockBytes())
			err := Encode(c.Type, dst, x)
			if err == nil || !strings.Contains(err.Error(), "beyond the range of") {
				t.Errorf("%s of %g: %v", c.Type, v, err)
			}
		}
		x := make([]float32, 512)
		x[300], x[310] = 1e9, -1e9
		dst := make([]byte, len(x)/c.Type.BlockElems()*c.Type.BlockBytes())
		err := Encode(c.Type, dst, x)
		if err == nil || !strings.Contains(err.Error(), "overflows f16") {
			t.Errorf("%s of 1e9: %v", c.Type, err)
		}
	}
}

// steps lists the largest step of the types as a fraction of the largest magnitude.
var steps = map[tensor.Type]float64{
	tensor.Q2_K: 2.0 / 3, tensor.Q3_K: 1.0 / 4, tensor.Q4_0: 1.0 / 8, tensor.Q4_1: 2.0 / 15, tensor.Q5_0: 1.0 / 16, tensor.Q5_1: 2.0 / 31,
	tensor.Q8_0: 1.0 / 127, tensor.Q4_K: 2.0 / 15, tensor.Q5_K: 2.0 / 31, tensor.Q6_K: 1.0 / 32,
	tensor.IQ4_NL: 24.0 / 127, tensor.IQ4_XS: 24.0 / 127, tensor.MXFP4: 1.0 / 2,
}

// TestEdgeBlocks encodes blocks that are easily got wrong and bounds what is
// decoded again by the coarsest step of the type.
func TestEdgeBlocks(t *testing.T) {
	blocks := map[string]func(i int) float32{
		"zero":      func(int) float32 { return 0 },
		"minus 0":   func(int) float32 { return float32(math.Copysign(0, -1)) },
		"one":       func(int) float32 { return 1 },
		"minus one": func(int) float32 { return -1 },
		"spike":     func(i int) float32 { return float32(pick(i == 77, -3, 0)) },
		"ends":      func(i int) float32 { return float32(pick(i%2 == 0, 1, -1)) },
		"ramp":      func(i int) float32 { return float32(i) / 64 },
		"huge":      func(i int) float32 { return float32(i-128) * 500 },
		"smallest":  func(i int) float32 { return math.SmallestNonzeroFloat32 * float32(i-100) },
	}
	for _, c := range codecs {
		if !c.Type.Quantised() || c.Encode == nil {
			continue
		}
		for name, at := range blocks {
			x, y := make([]float32, 256), make([]float32, 256)
			var top float64
			for i := range x {
				x[i] = at(i)
				top = max(top, math.Abs(float64(x[i])))
			}
			b := make([]byte, 256/c.Type.BlockElems()*c.Type.BlockBytes())
			if err := Encode(c.Type, b, x); err != nil {
				t.Errorf("%s %s: %v", c.Type, name, err)
				continue
			}
			if err := Decode(c.Type, y, b); err != nil {
				t.Fatal(err)
			}
			// An f16 scale is off by 2^-11 of itself or half the smallest f16;
			// the largest factor on it is 127*127.
			tol := top*(steps[c.Type]+0.01) + 0x1p-25*127*127
			for i := range x {
				if !(math.Abs(float64(x[i])-float64(y[i])) <= tol) {
					t.Errorf("%s %s: element %d is %g, decoded %g, tolerance %g", c.Type, name, i, x[i], y[i], tol)
					break
				}
			}
		}
	}
}

func TestFloats(t *testing.T) {
	x := []float32{0, float32(math.Copysign(0, -1)), 1, -2.5, 65504, -65504, 0x1p-24, 0x1p-25, 0x1.8p-25, 1 + 0x1p-11, 1 + 0x1.8p-10, inf, -inf, nan}
	for _, c := range []struct {
		t    tensor.Type
		want []float32
	}{
		{tensor.F32, x},
		{tensor.F16, []float32{0, x[1], 1, -2.5, 65504, -65504, 0x1p-24, 0, 0x1p-24, 1, 1 + 0x1p-9, inf, -inf, nan}},
		{tensor.BF16, []float32{0, x[1], 1, -2.5, 65536, -65536, 0x1p-24, 0x1p-25, 0x1.8p-25, 1, 1, inf, -inf, nan}},
	} {
		b, y := make([]byte, len(x)*c.t.BlockBytes()), make([]float32, len(x))
		if err := Encode(c.t, b, x); err != nil {
			t.Fatal(err)
		}
		if err := Decode(c.t, y, b); err != nil {
			t.Fatal(err)
		}
		for i, v := range c.want {
			if math.Float32bits(y[i]) != math.Float32bits(v) && !(v != v && y[i] != y[i]) {
				t.Errorf("%s of %g: %g, want %g", c.t, x[i], y[i], v)
			}
		}
	}
	y := make([]float32, 1)
	if err := Decode(tensor.F64, y, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0xbf}); err != nil || y[0] != -1.5 {
		t.Errorf("f64: %g, %v", y[0], err)
	}
}

// TestHalfConversions compares with the definition of the formats for every
// half and with the neighbours of every half.
func TestHalfConversions(t *testing.T) {
	for h := range 1 << 16 {
		sign, exp, man := h>>15, h>>10&31, h&1023
		want := math.Ldexp(float64(man), -24)
		if exp > 0 {
			want = math.Ldexp(float64(man+1024), exp-25)
		}
		if exp == 31 {
			want = pick(man == 0, math.Inf(1), math.NaN())
		}
		want = math.Copysign(want, 0.5-float64(sign))
		got := f16ToF32(uint16(h))
		if got != float32(want) && want == want || want != want && got == got {
			t.Fatalf("half %#x: %g, want %g", h, got, want)
		}
		if want != want || exp == 31 {
			continue
		}
		next := f16ToF32(uint16(h + 1)) // away from zero; Inf after the largest
		if exp == 30 && man == 1023 {
			next = float32(math.Copysign(65536, want))
		}
		middle := (got + next) / 2
		even := uint16(h + h&1)
		for _, c := range []struct {
			x    float32
			want uint16
		}{
			{got, uint16(h)}, {middle, even},
			{math.Nextafter32(middle, got), uint16(h)}, {math.Nextafter32(middle, next), uint16(h + 1)},
		} {
			if got := f32ToF16(c.x); got != c.want {
				t.Fatalf("f16 of %g: %#x, want %#x", c.x, got, c.want)
			}
		}
	}
}

func TestCheckBlocks(t *testing.T) {
	for _, c := range codecs {
		size := c.Type.BlockBytes()
		good := make([]byte, 9*size)
		if c.Type.Quantised() {
			good = randomBlocks(c.Type, 9)
		}
		if err := CheckBlocks(c.Type, good); err != nil {
			t.Errorf("%s: %v", c.Type, err)
		}
		var bad [][]byte // patterns to put at an offset of block 7
		var offs []int
		switch c.Type {
		case tensor.F32:
			bad, offs = [][]byte{{0, 0, 0x80, 0x7f}, {1, 0, 0x80, 0xff}}, []int{0}
		case tensor.F64:
			bad, offs = [][]byte{{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}, {1, 0, 0, 0, 0, 0, 0xf8, 0xff}}, []int{0}
		case tensor.BF16:
			bad, offs = [][]byte{{0x80, 0x7f}, {0xc0, 0xff}}, []int{0}
		case tensor.MXFP4:
			bad, offs = [][]byte{{255}}, []int{0}
		case tensor.F16:
			bad, offs = [][]byte{{0, 0x7c}, {1, 0xfc}}, []int{0}
		default:
			bad, offs = [][]byte{{0, 0x7c}, {1, 0xfc}}, halves[c.Type]
		}
		for _, off := range offs {
			for _, p := range bad {
				data := bytes.Clone(good)
				copy(data[7*size+off:], p)
				if err := CheckBlocks(c.Type, data); err == nil || !strings.Contains(err.Error(), " 7 ") {
					t.Errorf("%s with % x at %d of block 7: %v", c.Type, p, off, err)
				}
			}
		}
	}
}

// TestCheckHalves looks at every 16-bit pattern in every position of the words
// that bad16 tests at once.
func TestCheckHalves(t *testing.T) {
	data := make([]byte, 22)
	for h := range 1 << 16 {
		at := h % 11
		clear(data)
		put16(data[2*at:], uint16(h))
		for exponent, got := range map[int]int{0x7c00: badF16(data), 0x7f80: badBF16(data)} {
			want := -1
			if h&exponent == exponent {
				want = at
			}
			if got != want {
				t.Fatalf("%#x at %d, exponent %#x: %d, want %d", h, at, exponent, got, want)
			}
		}
	}
}

func TestQ8_1(t *testing.T) {
	src := randomBlocks(tensor.Q8_1, 64)
	q8 := make([]byte, 0, 64*q8_0Bytes)
	for i := 0; i < len(src); i += q8_1Bytes {
		q8 = append(append(q8, src[i:i+2]...), src[i+4:i+q8_1Bytes]...)
	}
	a, b := make([]float32, 2048), make([]float32, 2048)
	decodeQ8_1(a, src)
	decodeQ8_0(b, q8)
	if digestF32(a) != digestF32(b) {
		t.Error("q8_1 decodes differently from q8_0")
	}
}

// TestMXFP4Exponent compares with a logarithm rounded to float32 near every
// power of two.
func TestMXFP4Exponent(t *testing.T) {
	for e := -124; e <= 127; e++ {
		p := math.Float32bits(float32(math.Ldexp(1, e)))
		for u := p - 100; u < p+100; u++ {
			x := float64(math.Float32frombits(u))
			want := byte(max(0, math.Floor(float64(float32(math.Log2(x))))-2+127))
			if x < 0x1p-125 {
				want = 0
			}
			if got := mxfp4Exponent(u); got != want {
				t.Fatalf("exponent of %x: %d, want %d", x, got, want)
			}
		}
	}
	if got := mxfp4Exponent(0); got != 0 {
		t.Errorf("exponent of zero: %d", got)
	}
}

func TestNoAllocation(t *testing.T) {
	x := goldenValues("weights", 4096)
	for _, c := range codecs {
		b := make([]byte, len(x)/c.Type.BlockElems()*c.Type.BlockBytes())
		n := testing.AllocsPerRun(3, func() {
			if c.Encode != nil {
				c.Encode(b, x)
			}
			c.Decode(x, b)
		})
		if n != 0 {
			t.Errorf("%s: %g allocations", c.Type, n)
		}
	}
}

// TestRowsAreIndependent encodes in pieces what was encoded at once.
func TestRowsAreIndependent(t *testing.T) {
	x := goldenValues("scaled", 2048)
	for _, c := range codecs {
		if c.Encode == nil {
			continue
		}
		e, size := c.Type.BlockElems(), c.Type.BlockBytes()
		whole := make([]byte, len(x)/e*size)
		parts := make([]byte, len(whole))
		c.Encode(whole, x)
		for i := 0; i < len(x)/e; i++ {
			c.Encode(parts[i*size:(i+1)*size], x[i*e:(i+1)*e])
		}
		if !bytes.Equal(whole, parts) {
			t.Errorf("%s: blocks depend on their neighbours", c.Type)
		}
	}
}

// FuzzDecode decodes arbitrary blocks of every type; what CheckBlocks accepts
// must decode to something finite but for the largest MXFP4 exponents.
func FuzzDecode(f *testing.F) {
	for i, c := range codecs {
		f.Add(uint8(i), make([]byte, 2*c.Type.BlockBytes()))
		f.Add(uint8(i), bytes.Repeat([]byte{0xff}, c.Type.BlockBytes()+1))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		ty := codecs[int(which)%len(codecs)].Type
		y := make([]float32, len(data)/ty.BlockBytes()*ty.BlockElems())
		if err := Decode(ty, y, data); err != nil {
			if len(data)%ty.BlockBytes() == 0 {
				t.Fatalf("%s: %v", ty, err)
			}
			return
		}
		if CheckBlocks(ty, data) != nil || ty == tensor.MXFP4 || ty == tensor.F64 {
			return
		}
		if i := firstAbove(y, math.MaxFloat32); i >= 0 {
			t.Fatalf("%s: element %d is %g", ty, i, y[i])
		}
	})
}

// FuzzEncode encodes arbitrary floats: an error or legal blocks, and the same
// with and without the vector searches.
func FuzzEncode(f *testing.F) {
	for i := range codecs {
		f.Add(uint8(i), []byte{1, 2, 3, 0x3f, 0, 0, 0x80, 0xbf, 0, 0, 0, 0x80, 5, 0, 0, 0})
		f.Add(uint8(i), []byte{0, 0, 0, 0x0d, 0xff, 0xff, 0x7f, 0x7f, 0, 0, 0, 0xc7})
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := codecs[int(which)%len(codecs)]
		if c.Encode == nil || len(data) < 4 {
			return
		}
		x := make([]float32, 512)
		for i := range x {
			k := i * 4 % (len(data) / 4 * 4)
			x[i] = math.Float32frombits(le32(data[k:]))
		}
		dst := make([]byte, len(x)/c.Type.BlockElems()*c.Type.BlockBytes())
		if Encode(c.Type, dst, x) != nil {
			return
		}
		if err := CheckBlocks(c.Type, dst); err != nil && c.Type.Quantised() {
			t.Fatal(err)
		}
		sameWithoutVectors(t, c, x)
	})
}
