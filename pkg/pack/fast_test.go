package pack

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestDefinition compares Pack, Interleave and the decoders with the
// definition, bit by bit, over tails of rows and channels.
func TestDefinition(t *testing.T) {
	for _, ty := range Types() {
		e := int64(ty.BlockElems())
		ks := []int64{e, 2 * e, 3 * e, 5 * e, 9 * e}
		if e == 1 {
			ks = append(ks, 7, 8, 31, 63, 64, 65, 127, 128, 130, 255, 256, 257, 512, 1023)
		}
		for _, n := range []int64{1, 2, 15, 16, 17, 31, 33} {
			for _, k := range ks {
				src := randomRows(ty, n, k, uint64(n*100+k), true)
				same(t, ty, n, k, src)
			}
		}
	}
}

func same(t *testing.T, ty tensor.Type, n, k int64, src []byte) {
	t.Helper()
	size, err := P16.Size(ty, []int64{n}, k)
	if err != nil {
		t.Fatal(err)
	}
	want, got := make([]byte, size), bytes.Repeat([]byte{0xa5}, int(size))
	definePack(want, src, ty, n, k)
	if err := P16.Pack(got, src, ty, n, k); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s [%d, %d]", ty, n, k)
	if i := differ(got, want); i >= 0 {
		t.Fatalf("%s: byte %d of Pack is %#x, want %#x", name, i, got[i], want[i])
	}
	row, _ := ty.RowBytes(k)
	panel, _ := P16.UnitBytes(ty, k)
	back := make([]byte, len(src))
	if err := P16.Unpack(back, got, ty, n, k); err != nil {
		t.Fatal(err)
	}
	definePack(want, back, ty, n, k)
	if i := differ(got, want); i >= 0 {
		t.Fatalf("%s: packed again after Unpack, byte %d differs", name, i)
	}
	for p := range P16.Units(n) {
		one := bytes.Repeat([]byte{0x5a}, int(panel))
		rows := min(16, n-16*p)
		Interleave(one, src[16*p*row:], ty, int(row), int(rows), int(k))
		if i := differ(one, got[p*panel:][:panel]); i >= 0 {
			t.Fatalf("%s: byte %d of Interleave, panel %d, is %#x, want %#x", name, i, p, one[i], got[p*panel+int64(i)])
		}
	}
	if !ty.Quantised() {
		return
	}
	vals, ref, direct := make([]float32, k), make([]float32, k), make([]float32, k)
	for r := range n {
		if err := P16.Gather(vals, got, ty, []int64{n}, k, r); err != nil {
			t.Fatal(err)
		}
		DecodeBlocks(direct, src[r*row:][:row], ty)
		defineDecode(ref, src[r*row:][:row], ty)
		for i := range vals {
			if math.Float32bits(vals[i]) != math.Float32bits(ref[i]) {
				t.Fatalf("%s row %d channel %d: gathered %v, want %v", name, r, i, vals[i], ref[i])
			}
			if math.Float32bits(direct[i]) != math.Float32bits(ref[i]) {
				t.Fatalf("%s row %d channel %d: decoded %v, want %v", name, r, i, direct[i], ref[i])
			}
		}
	}
}

func defineDecode(dst []float32, src []byte, t tensor.Type) {
	var g group
	for f := formats[t]; len(dst) > 0; dst, src = dst[f.elems:], src[f.bytes:] {
		if f.elems == 256 {
			g.read256(t, src)
		} else {
			g.read32(t, src, 0)
		}
		g.decode(dst[:f.elems], t)
	}
}

func differ(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// TestTiers runs the comparison on the plain Go code where vectors are in use.
func TestTiers(t *testing.T) {
	if !useVectors {
		t.Skip("no vector code in use")
	}
	useVectors = false
	defer func() { useVectors = true }()
	TestDefinition(t)
}

// TestInterleaveSlice interleaves a part of the channels of rows that lie apart.
func TestInterleaveSlice(t *testing.T) {
	for _, ty := range Types() {
		k := int64(768)
		row, _ := ty.RowBytes(k)
		src := randomRows(ty, 16, k, 11, true)
		panel, _ := P16.UnitBytes(ty, 256)
		part := int64(row) / 3
		want, got := make([]byte, panel), make([]byte, panel)
		cut := make([]byte, 0, 16*part)
		for r := range int64(16) {
			cut = append(cut, src[r*row+part:][:part]...)
		}
		definePack(want, cut, ty, 16, 256)
		Interleave(got, src[part:], ty, int(row), 16, 256)
		if i := differ(got, want); i >= 0 {
			t.Errorf("%s: byte %d is %#x, want %#x", ty, i, got[i], want[i])
		}
	}
}

// TestHalves decodes every half.
func TestHalves(t *testing.T) {
	src := make([]byte, 2<<16)
	for h := range 1 << 16 {
		le.PutUint16(src[2*h:], uint16(h))
	}
	got := make([]float32, 1<<16)
	DecodeRows(got, src, tensor.F16)
	for h, x := range got {
		if want := f32.FromHalf(uint16(h)); math.Float32bits(x) != math.Float32bits(want) {
			t.Fatalf("half %#04x is %v, want %v", h, x, want)
		}
	}
}

func BenchmarkPack(b *testing.B) {
	for _, ty := range Types() {
		b.Run(ty.String(), func(b *testing.B) {
			n, k := int64(64), int64(2048)
			src := randomRows(ty, n, k, 1, false)
			size, _ := P16.Size(ty, []int64{n}, k)
			dst := make([]byte, size)
			b.SetBytes(size)
			for b.Loop() {
				if err := P16.Pack(dst, src, ty, n, k); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	for _, ty := range Types() {
		b.Run(ty.String(), func(b *testing.B) {
			n, k := int64(64), int64(2048)
			src := randomRows(ty, n, k, 1, false)
			size, _ := P16.Size(ty, []int64{n}, k)
			dst := make([]byte, size)
			if err := P16.Pack(dst, src, ty, n, k); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size)
			for b.Loop() {
				if err := P16.Unpack(src, dst, ty, n, k); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGatherRow(b *testing.B) {
	for _, ty := range Types() {
		b.Run(ty.String(), func(b *testing.B) {
			n, k := int64(1024), int64(2048)
			src := randomRows(ty, n, k, 1, false)
			size, _ := P16.Size(ty, []int64{n}, k)
			dst := make([]byte, size)
			if err := P16.Pack(dst, src, ty, n, k); err != nil {
				b.Fatal(err)
			}
			x := make([]float32, k)
			b.SetBytes(4 * k)
			row := int64(0)
			for b.Loop() {
				row = (row + 389) % n
				if err := P16.Gather(x, dst, ty, []int64{n}, k, row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
