package pack

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// scaleOffsets lists where the fp16 fields of a block are.
func scaleOffsets(t tensor.Type) []int {
	switch t {
	case tensor.Q4_1, tensor.Q5_1, tensor.Q4_K, tensor.Q5_K:
		return []int{0, 2}
	case tensor.Q6_K:
		return []int{208}
	}
	if !t.Quantised() {
		return nil
	}
	return []int{0}
}

// randomRows returns n rows with arbitrary bits and finite scales, a share of
// them zero when zeros is set.
func randomRows(t tensor.Type, n, k int64, seed uint64, zeros bool) []byte {
	r := rand.New(rand.NewPCG(seed, uint64(t)))
	row, err := t.RowBytes(k)
	if err != nil {
		panic(err)
	}
	b := make([]byte, n*row)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	bb := t.BlockBytes()
	for off := 0; off < len(b) && t.Quantised(); off += bb {
		for _, o := range scaleOffsets(t) {
			h := uint16(r.IntN(31)<<10|r.IntN(1024)) | uint16(r.IntN(2))<<15
			switch {
			case zeros && r.IntN(4) == 0:
				h &= 0x8000
			case h&0x7fff == 0:
				h = 0x3c00
			}
			le.PutUint16(b[off+o:], h)
		}
		if !zeros { // no zero sub-block scales either
			switch t {
			case tensor.Q6_K:
				for i := range 16 {
					b[off+192+i] |= 1
				}
			case tensor.Q4_K, tensor.Q5_K:
				for i := range 4 {
					b[off+4+i] |= 1
					b[off+12+i] |= 1
				}
			}
		}
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, ty := range Types() {
		for _, n := range []int64{1, 15, 16, 17, 48} {
			for _, blocks := range []int64{1, 2, 3, 9} {
				k := blocks * int64(ty.BlockElems())
				src := randomRows(ty, n, k, uint64(n*100+blocks), false)
				size, err := P16.Size(ty, []int64{n}, k)
				if err != nil {
					t.Fatal(err)
				}
				if size%64 != 0 {
					t.Fatalf("%s: panel size %d is no multiple of 64", ty, size)
				}
				packed := bytes.Repeat([]byte{0xa5}, int(size))
				if err := P16.Pack(packed, src, ty, n, k); err != nil {
					t.Fatal(err)
				}
				back := make([]byte, len(src))
				if err := P16.Unpack(back, packed, ty, n, k); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(back, src) {
					t.Fatalf("%s [%d, %d]: unpack(pack(x)) differs from x", ty, n, k)
				}
			}
		}
	}
}

// TestZeroScales checks that the rewrite keeps every decoded value.
func TestZeroScales(t *testing.T) {
	for _, ty := range Types() {
		n, k := int64(19), 5*int64(ty.BlockElems())
		src := randomRows(ty, n, k, 7, true)
		size, _ := P16.Size(ty, []int64{n}, k)
		packed := make([]byte, size)
		if err := P16.Pack(packed, src, ty, n, k); err != nil {
			t.Fatal(err)
		}
		row, _ := ty.RowBytes(k)
		got, want := make([]float32, k), make([]float32, k)
		back := make([]byte, len(src))
		if err := P16.Unpack(back, packed, ty, n, k); err != nil {
			t.Fatal(err)
		}
		blocks := make([]float32, k)
		for r := range n {
			if err := P16.Gather(got, packed, ty, []int64{n}, k, r); err != nil {
				t.Fatal(err)
			}
			if err := quant.Decode(ty, want, src[r*row:(r+1)*row]); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
					t.Fatalf("%s row %d channel %d: packed value %v, want %v", ty, r, i, got[i], want[i])
				}
			}
			if !ty.Quantised() {
				continue
			}
			DecodeBlocks(blocks, src[r*row:(r+1)*row], ty)
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(blocks[i]) {
					t.Fatalf("%s row %d channel %d: GatherRow %v, DecodeBlocks %v", ty, r, i, got[i], blocks[i])
				}
			}
		}
		// A second pack of the rewritten rows changes nothing.
		again := make([]byte, size)
		if err := P16.Pack(again, back, ty, n, k); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, packed) {
			t.Errorf("%s: the rewrite of zero scales is not idempotent", ty)
		}
	}
}

// TestRecordPlaces spells out where single elements must land, independently
// of the interleaving code.
func TestRecordPlaces(t *testing.T) {
	for _, c := range []struct {
		ty       tensor.Type
		row, k   int64
		off      int
		mask, to byte // bits of that byte that hold the element, after a 1 in its lowest bit was flipped
	}{
		{tensor.Q8_0, 3, 9, 64 + 64*2 + 12 + 1, 1, 1},
		{tensor.Q8_0, 0, 70, 1088 + 64 + 64*1 + 2, 1, 1},
		{tensor.Q4_0, 5, 13, 64 + 64*1 + 20 + 1, 0x10, 0x10},
		{tensor.Q4_0, 5, 9, 64 + 64*1 + 20 + 1, 1, 1},
		{tensor.Q4_1, 15, 63, 128 + 64*7 + 60 + 3, 0x10, 0x10},
		{tensor.Q4_K, 2, 255, 320 + 64*31 + 8 + 3, 0x10, 0x10},
		{tensor.Q6_K, 1, 0, 320 + 4, 1, 1},
	} {
		k := int64(256)
		clean := make([]byte, 16*k*8)
		row, _ := c.ty.RowBytes(k)
		clean = clean[:16*row]
		bb := int64(c.ty.BlockBytes())
		for off := int64(0); off < int64(len(clean)); off += bb {
			for _, o := range scaleOffsets(c.ty) {
				le.PutUint16(clean[off+int64(o):], 0x3c00)
			}
			switch c.ty {
			case tensor.Q6_K:
				for i := range int64(16) {
					clean[off+192+i] = 1
				}
			case tensor.Q4_K:
				for i := range int64(4) {
					clean[off+4+i], clean[off+12+i] = 1, 1
				}
			}
		}
		size, _ := P16.Size(c.ty, []int64{16}, k)
		a, b := make([]byte, size), make([]byte, size)
		if err := P16.Pack(a, clean, c.ty, 16, k); err != nil {
			t.Fatal(err)
		}
		// flip the lowest bit of the element in the GGUF row
		var g group
		blk := clean[c.row*row+c.k/int64(c.ty.BlockElems())*bb:][:bb]
		in := c.k % int64(c.ty.BlockElems())
		if c.ty.BlockElems() == 256 {
			g.read256(c.ty, blk)
			g.q[in] ^= 1
			g.write256(c.ty, blk)
		} else {
			g.read32(c.ty, blk, 0)
			g.q[in] ^= 1
			g.write32(c.ty, blk, 0)
		}
		if err := P16.Pack(b, clean, c.ty, 16, k); err != nil {
			t.Fatal(err)
		}
		for i := range a {
			want := byte(0)
			if i == c.off {
				want = c.to
			}
			if a[i]^b[i] != want {
				t.Errorf("%s (%d, %d): byte %d changed by %#x, want %#x at %d", c.ty, c.row, c.k, i, a[i]^b[i], c.to, c.off)
			}
		}
	}
}

func TestMembers(t *testing.T) {
	rows, k := []int64{17, 5, 32}, int64(64)
	var packed []byte
	var src [][]byte
	for i, n := range rows {
		s := randomRows(tensor.Q4_0, n, k, uint64(i), false)
		size, _ := P16.Size(tensor.Q4_0, []int64{n}, k)
		p := make([]byte, size)
		if err := P16.Pack(p, s, tensor.Q4_0, n, k); err != nil {
			t.Fatal(err)
		}
		packed, src = append(packed, p...), append(src, s)
	}
	if want, _ := P16.Size(tensor.Q4_0, rows, k); int64(len(packed)) != want {
		t.Fatalf("size %d, want %d", len(packed), want)
	}
	got, want := make([]float32, k), make([]float32, k)
	i := int64(0)
	for m, n := range rows {
		for r := range n {
			if err := P16.Gather(got, packed, tensor.Q4_0, rows, k, i); err != nil {
				t.Fatal(err)
			}
			if err := quant.Decode(tensor.Q4_0, want, src[m][r*36:(r+1)*36]); err != nil {
				t.Fatal(err)
			}
			for c := range got {
				if got[c] != want[c] {
					t.Fatalf("member %d row %d channel %d: %v, want %v", m, r, c, got[c], want[c])
				}
			}
			i++
		}
		back := make([]byte, len(src[m]))
		part, err := P16.Slice(packed, tensor.Q4_0, rows, k, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := P16.Unpack(back, part, tensor.Q4_0, n, k); err != nil || !bytes.Equal(back, src[m]) {
			t.Fatalf("member %d does not unpack: %v", m, err)
		}
	}
	if err := P16.Gather(got, packed, tensor.Q4_0, rows, k, i); err == nil {
		t.Error("row beyond the weight gathered")
	}
}

func TestRefusals(t *testing.T) {
	for _, ty := range Types() {
		for f, o := range scaleOffsets(ty) {
			src := randomRows(ty, 20, 2*256, 3, false)
			row, _ := ty.RowBytes(512)
			blk := int64(1)
			le.PutUint16(src[18*row+blk*int64(ty.BlockBytes())+int64(o):], 0x7c00+uint16(f))
			size, _ := P16.Size(ty, []int64{20}, 512)
			err := P16.Pack(make([]byte, size), src, ty, 20, 512)
			var se *ScaleError
			if !errors.As(err, &se) || se.Row != 18 || se.Block != blk || se.Type != ty {
				t.Errorf("%s field %d: got error %v", ty, f, err)
			}
		}
	}
	for _, c := range []struct {
		ty   tensor.Type
		n, k int64
	}{
		{tensor.Q4_0, 1, 33}, {tensor.Q4_K, 1, 128}, {tensor.F32, -1, 4}, {tensor.F32, 1, 0}, {tensor.IQ4_XS, 1, 256},
		{tensor.F32, math.MaxInt64, math.MaxInt64}, {tensor.Q8_0, math.MaxInt64, 32}, {tensor.Invalid, 1, 1},
	} {
		if _, err := P16.Size(c.ty, []int64{c.n}, c.k); err == nil {
			t.Errorf("P16.Size(%s, %d, %d) succeeded", c.ty, c.n, c.k)
		}
	}
	if err := P16.Pack(make([]byte, 576), make([]byte, 17), tensor.Q4_0, 1, 32); err == nil {
		t.Error("short source packed")
	}
	if _, err := P16.Size(tensor.F32, []int64{math.MaxInt64 / 4, math.MaxInt64 / 4}, 1); err == nil {
		t.Error("sum of members overflowed silently")
	}
}

// FuzzPack packs arbitrary bytes: an error, or values that survive.
func FuzzPack(f *testing.F) {
	for i := range Types() {
		f.Add(uint8(i), uint8(17), randomRows(Types()[i], 17, 256, 1, true))
	}
	f.Fuzz(func(t *testing.T, which, n uint8, src []byte) {
		ty := Types()[int(which)%len(Types())]
		k := int64(256)
		row, _ := ty.RowBytes(k)
		rows := min(int64(n%40), int64(len(src))/row)
		src = src[:rows*row]
		size, err := P16.Size(ty, []int64{rows}, k)
		if err != nil {
			t.Fatal(err)
		}
		packed := make([]byte, size)
		if err := P16.Pack(packed, src, ty, rows, k); err != nil {
			return
		}
		back, again := make([]byte, len(src)), make([]byte, size)
		if err := P16.Unpack(back, packed, ty, rows, k); err != nil {
			t.Fatal(err)
		}
		if err := P16.Pack(again, back, ty, rows, k); err != nil || !bytes.Equal(again, packed) {
			t.Fatalf("%s: pack(unpack(p)) differs from p: %v", ty, err)
		}
	})
}
