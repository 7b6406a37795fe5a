package codec

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestParsePair(t *testing.T) {
	for text, want := range map[string]string{"f16": "f16", "q8_0/f16": "q8_0/f16", "f32/f32": "f32", "f16/q8_0": "f16/q8_0"} {
		if p, err := ParsePair(text); err != nil || p.String() != want {
			t.Errorf("%s is %v, %v, want %s", text, p, err, want)
		}
	}
	for _, text := range []string{"", "/", "f16/", "/f16", "f64", "f16/f64", "a/b/c", "f16/f16/f16", "F16", " f16", "q8_0,f16", "\x1b[2J"} {
		p, err := ParsePair(text)
		if err == nil {
			t.Errorf("%q is read as %v", text, p)
			continue
		}
		for _, want := range []string{strconv.Quote(text), Names(), "K/V"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %s in it", text, err, want)
			}
		}
	}
	if s := (Pair{K: F16}).String(); s != "" {
		t.Errorf("half a pair prints %q", s)
	}
}

// TestPairFits: V as a part of K has K's codec and whole blocks.
func TestPairFits(t *testing.T) {
	for _, c := range []struct {
		kv   string
		k, v int
		ofK  bool
		want string
	}{
		{"f16", 24, 7, true, ""},
		{"q8_0/f16", 64, 7, false, ""},
		{"q8_0", 576, 512, true, ""},
		{"q8_0/f16", 576, 512, true, "cache type q8_0/f16: v is the first 512 channels of k and kept in its codec, want q8_0 for both"},
		{"q8_0", 576, 500, true, "v: cache type q8_0: 500 channels are no multiple of 32"},
		{"q8_0", 570, 512, true, "k: cache type q8_0: 570 channels are no multiple of 32"},
	} {
		p, err := ParsePair(c.kv)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := p.Fits(c.k, c.v, c.ofK); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s for %d and %d: %q, want %q", c.kv, c.k, c.v, got, c.want)
		}
	}
}

// TestCodecs holds every row to what the table says of it: sizes, that blocks
// stand alone, and the noise.
func TestCodecs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range All() {
		if got, err := ParsePair(c.Name); err != nil || got != Both(c) {
			t.Errorf("%s: read as %v, %v", c, got, err)
		}
		if c.Fits(0) == nil || c.Fits(-c.Block) == nil || c.Block > 1 && c.Fits(c.Block+1) == nil || c.Fits(3*c.Block) != nil {
			t.Errorf("%s does not fit whole blocks of %d channels", c, c.Block)
		}
		if c.BlockBytes%2 != 0 {
			t.Errorf("%s: blocks of %d bytes are not aligned", c, c.BlockBytes)
		}
		dim := 8 * 32 * c.Block
		x, y := make([]float32, dim), make([]float32, dim)
		square, noise := 0.0, 0.0
		for range 20 {
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
			row := make([]byte, c.Bytes(dim)+2)
			row[len(row)-2], row[len(row)-1] = 0x5a, 0xa5
			c.Encode(row, x)
			if row[len(row)-2] != 0x5a || row[len(row)-1] != 0xa5 {
				t.Fatalf("%s wrote beyond its row", c)
			}
			c.Decode(y, row)
			begin := make([]byte, c.Bytes(dim/2))
			if c.Encode(begin, x[:dim/2]); !bytes.Equal(begin, row[:len(begin)]) {
				t.Fatalf("%s: the first half of a row is encoded otherwise alone", c)
			}
			one := make([]float32, c.Block)
			for b := 0; b < dim; b += c.Block {
				c.Decode(one, row[c.Bytes(b):])
				for i, v := range one {
					if math.Float32bits(v) != math.Float32bits(y[b+i]) {
						t.Fatalf("%s: channel %d is %v in its row and %v alone", c, b+i, y[b+i], v)
					}
				}
			}
			want := x
			for _, turn := range []func([]float32){c.Query, c.Output} {
				if turn == nil {
					continue
				}
				whole, half := slices.Clone(x), slices.Clone(x[:dim/2])
				turn(whole)
				if turn(half); !slices.Equal(half, whole[:dim/2]) {
					t.Fatalf("%s: the first half of a row is rotated otherwise alone", c)
				}
			}
			if c.Query != nil { // rotated rows are compared where they are
				want = append([]float32(nil), x...)
				c.Query(want)
			}
			for i, v := range y {
				square += float64(want[i]) * float64(want[i])
				noise += float64(v-want[i]) * float64(v-want[i])
			}
		}
		if noise > c.Noise*square {
			t.Errorf("%s: noise %.3g, the table says %.3g", c, noise/square, c.Noise)
		}
	}
}

// TestQ8Rounds: ggml's rounding, halves away from zero; Inf and NaN become NaN.
func TestQ8Rounds(t *testing.T) {
	var row [34]byte
	in := make([]float32, 32)
	in[0], in[1], in[2], in[3] = 127, 0.5, -1.5, 0.49999997
	Q8_0.Encode(row[:], in)
	for i, want := range []int8{127, 1, -2, 0} {
		if int8(row[2+i]) != want {
			t.Errorf("q8_0 of %v = %d, want %d", in[i], int8(row[2+i]), want)
		}
	}
	for _, bad := range []float64{math.Inf(1), math.NaN()} {
		in[5] = float32(bad)
		Q8_0.Encode(row[:], in)
		out := make([]float32, 32)
		Q8_0.Decode(out, row[:])
		if out[0] == out[0] {
			t.Errorf("a block with %v is read back as %v", bad, out[0])
		}
	}
}
