package quant

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// The generators below are those of testdata/gen/gen.py: same seed, same
// numbers.

func draw(seed, index uint64) uint64 {
	z := seed*0xD1342543DE82EF95 + (index+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func uniform(seed, index uint64) float64 { return float64(draw(seed, index)>>11) * 0x1p-53 }

// normal is about N(0, 1).
func normal(seed, index uint64) float64 {
	var s float64
	for k := range uint64(12) {
		s += uniform(seed, index*12+k)
	}
	return s - 6
}

// power is 2^e with e in [lo, hi).
func power(seed, index uint64, lo, hi int) float64 {
	return math.Ldexp(1, int(draw(seed+1, index)%uint64(hi-lo))+lo)
}

// kinds are the distributions of values to encode, in the order of gen.py; x is
// a normal variate.
var kinds = []struct {
	name string
	at   func(x float64, seed, i uint64) float64
}{
	{"weights", func(x float64, seed, i uint64) float64 { return x * 0.02 }},
	{"scaled", func(x float64, seed, i uint64) float64 { return x * power(seed, i/16, -12, 6) }},
	{"spread", func(x float64, seed, i uint64) float64 { return x * power(seed, i, -20, 8) }},
	{"positive", func(x float64, seed, i uint64) float64 { return math.Abs(x) + 0.5 }},
	{"negative", func(x float64, seed, i uint64) float64 { return -math.Abs(x) - 0.5 }},
	{"sparse", func(x float64, seed, i uint64) float64 { return pick(draw(seed+2, i)%20 == 0, x, 0) }},
	{"outlier", func(x float64, seed, i uint64) float64 { return pick(draw(seed+2, i)%50 == 0, x*64, x) }},
	{"integers", func(x float64, seed, i uint64) float64 { return math.Floor(x * 3) }},
	{"constant", func(x float64, seed, i uint64) float64 { return normal(seed, i/32*32) }},
	{"blocks", func(x float64, seed, i uint64) float64 {
		return pick(draw(seed+3, i/256)%4 == 0 || draw(seed+4, i/16)%3 == 0, 0, x)
	}},
	{"large", func(x float64, seed, i uint64) float64 { return x * 4096 }},
	{"tiny", func(x float64, seed, i uint64) float64 { return x * power(seed, i/256, -32, -16) }},
	{"subnormal", func(x float64, seed, i uint64) float64 { return x * power(seed, i/256, -148, -100) }},
	{"ramp", func(x float64, seed, i uint64) float64 { return (float64(i%256) - 100) / 64 }},
}

func pick(first bool, a, b float64) float64 {
	if first {
		return a
	}
	return b
}

// goldenValues draws the values of a kind as gen.py does.
func goldenValues(kind string, n int) []float32 {
	for k, row := range kinds {
		if row.name != kind {
			continue
		}
		x := make([]float32, n)
		seed := uint64(2000 + k)
		for i := range x {
			x[i] = float32(row.at(normal(seed, uint64(i)), seed, uint64(i)))
		}
		return x
	}
	panic("unknown kind " + kind)
}

// halves lists the offsets of the f16 fields of a block.
var halves = map[tensor.Type][]int{
	tensor.Q4_0: {0}, tensor.Q4_1: {0, 2}, tensor.Q5_0: {0}, tensor.Q5_1: {0, 2}, tensor.Q8_0: {0}, tensor.Q8_1: {0, 2},
	tensor.Q2_K: {80, 82}, tensor.Q3_K: {108}, tensor.Q4_K: {0, 2}, tensor.Q5_K: {0, 2}, tensor.Q6_K: {208},
	tensor.IQ4_NL: {0}, tensor.IQ4_XS: {0}, tensor.MXFP4: nil,
}

// ggmlID is the number of a type in GGUF, the seed of its random blocks.
var ggmlID = map[tensor.Type]uint64{
	tensor.Q4_0: 2, tensor.Q4_1: 3, tensor.Q5_0: 6, tensor.Q5_1: 7, tensor.Q8_0: 8, tensor.Q8_1: 9, tensor.Q2_K: 10,
	tensor.Q3_K: 11, tensor.Q4_K: 12, tensor.Q5_K: 13, tensor.Q6_K: 14, tensor.IQ4_NL: 20, tensor.IQ4_XS: 23, tensor.MXFP4: 39,
}

// randomBlocks draws n blocks with finite scales.
func randomBlocks(t tensor.Type, n int) []byte {
	size := t.BlockBytes()
	b := make([]byte, n*size)
	for i := range b {
		b[i] = byte(draw(1000+ggmlID[t], uint64(i)) >> 56)
	}
	for i := 0; i < len(b); i += size {
		for _, off := range halves[t] {
			if b[i+off+1]&0x7c == 0x7c {
				b[i+off+1] ^= 0x40
			}
		}
		if t == tensor.MXFP4 && b[i] == 255 {
			b[i] = 254
		}
	}
	return b
}

// goldenRows reads a golden file: lines of fields, # comments.
func goldenRows(t *testing.T, file string) [][]string {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) == 3 && fields[0] != "#" {
			rows = append(rows, fields)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("testdata/%s is empty", file)
	}
	return rows
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func digestF32(x []float32) string {
	b := make([]byte, 4*len(x))
	encodeF32(b, x)
	return digest(b)
}

// TestDecodeGolden compares with the Python package gguf bit for bit.
func TestDecodeGolden(t *testing.T) {
	for _, row := range goldenRows(t, "decode.txt") {
		ty, err := tensor.ParseType(row[0])
		if err != nil {
			t.Fatal(err)
		}
		src := randomBlocks(ty, 1024)
		if got := digest(src); got != row[1] {
			t.Fatalf("%s: the random blocks are not those of gen.py", ty)
		}
		dst := make([]float32, 1024*ty.BlockElems())
		if err := Decode(ty, dst, src); err != nil {
			t.Fatal(err)
		}
		if got := digestF32(dst); got != row[2] {
			t.Errorf("%s: decoded values differ from gguf", ty)
		}
	}
}

// TestEncodeGolden compares with llama.cpp's quantisers byte for byte.
func TestEncodeGolden(t *testing.T) {
	values := map[string][]float32{}
	for _, k := range kinds {
		values[k.name] = goldenValues(k.name, 65536)
	}
	for _, row := range goldenRows(t, "encode.txt") {
		t.Run(row[0]+"/"+row[1], func(t *testing.T) {
			ty, err := tensor.ParseType(row[0])
			if err != nil {
				t.Fatal(err)
			}
			x := values[row[1]]
			if ty == tensor.MXFP4 {
				x = dropTinyBlocks(x)
			}
			dst := make([]byte, len(x)/ty.BlockElems()*ty.BlockBytes())
			if err := Encode(ty, dst, x); err != nil {
				t.Fatal(err)
			}
			if digest(dst) != row[2] {
				t.Error("bytes differ from llama.cpp")
			}
		})
	}
}

// dropTinyBlocks leaves out blocks of magnitude below 2^-125, for which ggml's
// MXFP4 exponent is undefined.
func dropTinyBlocks(x []float32) []float32 {
	var kept []float32
	for ; len(x) > 0; x = x[32:] {
		var amax float32
		for _, v := range x[:32] {
			amax = max(amax, abs32(v))
		}
		if amax >= 0x1p-125 {
			kept = append(kept, x[:32]...)
		}
	}
	return kept
}
