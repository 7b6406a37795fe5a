package pack

import (
	"fmt"
	"math/bits"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Rows per panel.
const PanelRows = 16

// form is one row of the table of records: 16 rows by some channels.
type form struct {
	t        tensor.Type
	channels int // of a record
	size     int // bytes of a record
	first    int // byte offset of the 64-byte vectors
	vectors  int // all of them: low bits, then high bits
	low      int // vectors of nibbles or bytes
	highBits int // per channel in the other vectors: 0, 1 or 2
	mins     int // offset of fp16 m[2][16], 0 if none
	subs     int // sub-blocks of a k-quant block

	// Dwords of zero-point values.
	zeroLow, zeroHigh uint32

	elems, bytes int // of a GGUF block
}

var forms = tabulate(
	form{t: tensor.F32, channels: 1, size: 64},  // f32 w[16]
	form{t: tensor.F16, channels: 2, size: 64},  // fp16 w[2 channels][16]
	form{t: tensor.BF16, channels: 2, size: 64}, // bf16 w[16][2 channels]

	// 0: fp16 d[2][16]; 64: 16 group vectors (q+128)
	form{t: tensor.Q8_0, channels: 64, size: 1088, first: 64, vectors: 16, low: 16, zeroLow: 0x80808080},
	// 0: d[2][16]; 64: 8 nibble vectors
	form{t: tensor.Q4_0, channels: 64, size: 576, first: 64, vectors: 8, low: 8, zeroLow: 0x88888888},
	// 0: d[2][16]; 64: m[2][16]; 128: 8 nibble vectors
	form{t: tensor.Q4_1, channels: 64, size: 640, first: 128, vectors: 8, low: 8, mins: 64},
	// 0: d[2][16]; 64: 8 nibble vectors; 576: 2 high-bit vectors
	form{t: tensor.Q5_0, channels: 64, size: 704, first: 64, vectors: 10, low: 8, highBits: 1, zeroHigh: 0xffffffff},
	// 0: d[2][16]; 64: m[2][16]; 128: 8 nibble vectors; 640: 2 high-bit vectors
	form{t: tensor.Q5_1, channels: 64, size: 768, first: 128, vectors: 10, low: 8, highBits: 1, mins: 64},
	// 0: d[16]; 32: dmin[16]; 64: u8 sc[8][16]; 192: u8 mn[4][16][2]; 320: 32 nibble vectors
	form{t: tensor.Q4_K, channels: 256, size: 2368, first: 320, vectors: 32, low: 32, subs: 8},
	// as q4_k; 2368: 8 high-bit vectors
	form{t: tensor.Q5_K, channels: 256, size: 2880, first: 320, vectors: 40, low: 32, highBits: 1, subs: 8},
	// 0: d[16]; 32: zero; 64: i8 sc[16][16]; 320: 32 nibble vectors; 2368: 16 high-2 vectors
	form{t: tensor.Q6_K, channels: 256, size: 3392, first: 320, vectors: 48, low: 32, highBits: 2, subs: 16, zeroHigh: 0xaaaaaaaa},
)

func tabulate(rows ...form) map[tensor.Type]*form {
	m := map[tensor.Type]*form{}
	for i := range rows {
		f := &rows[i]
		f.elems, f.bytes = f.t.BlockElems(), f.t.BlockBytes()
		m[f.t] = f
	}
	return m
}

// Supported reports whether t has a p16 form.
func Supported(t tensor.Type) bool { return forms[t] != nil }

// RecordBytes is the size of one record of type t, 0 if t has none.
func RecordBytes(t tensor.Type) int {
	if f := forms[t]; f != nil {
		return f.size
	}
	return 0
}

// RecordChannels is the number of channels in one record, 0 if t has none.
func RecordChannels(t tensor.Type) int {
	if f := forms[t]; f != nil {
		return f.channels
	}
	return 0
}

// Panels is the number of panels that n rows of one member fill.
func Panels(n int64) int64 { return n/PanelRows + min(n%PanelRows, 1) }

// PanelBytes is the size of one panel: all k channels of 16 rows, k padded to
// whole records. k must fill whole blocks of t.
func PanelBytes(t tensor.Type, k int64) (int64, error) {
	f := forms[t]
	if f == nil {
		return 0, fmt.Errorf("type %s has no p16 form", t)
	}
	if k <= 0 || k%int64(f.elems) != 0 {
		return 0, fmt.Errorf("%s weight with %d channels: want a positive multiple of %d", t, k, f.elems)
	}
	n := k / int64(f.channels)
	if k%int64(f.channels) != 0 {
		n++
	}
	size, ok := mul(n, int64(f.size))
	if !ok {
		return 0, fmt.Errorf("%s panel of %d channels: size overflows", t, k)
	}
	return size, nil
}

// Size is the size of a packed weight whose members have the given row counts,
// each padded to whole panels.
func Size(t tensor.Type, rows []int64, k int64) (int64, error) {
	panel, err := PanelBytes(t, k)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for i, n := range rows {
		if n < 0 {
			return 0, fmt.Errorf("member %d has %d rows", i, n)
		}
		b, ok := mul(Panels(n), panel)
		if !ok || total+b < total {
			return 0, fmt.Errorf("%s weight of %v rows, %d channels: size overflows", t, rows, k)
		}
		total += b
	}
	return total, nil
}

// Slice is the part of packed that holds one member.
func Slice(packed []byte, t tensor.Type, rows []int64, k int64, member int) ([]byte, error) {
	if member < 0 || member >= len(rows) {
		return nil, fmt.Errorf("member %d of a weight with %d members", member, len(rows))
	}
	total, err := Size(t, rows, k)
	if err != nil {
		return nil, err
	}
	if int64(len(packed)) != total {
		return nil, fmt.Errorf("packed %s weight of %v rows, %d channels: got %d bytes, want %d", t, rows, k, len(packed), total)
	}
	panel, _ := PanelBytes(t, k)
	off := int64(0)
	for _, n := range rows[:member] {
		off += Panels(n) * panel
	}
	return packed[off : off+Panels(rows[member])*panel], nil
}

func mul(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return int64(lo), hi == 0 && lo < 1<<63
}
