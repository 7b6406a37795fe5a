package pack

import (
	"fmt"
	"math/bits"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Rows per panel.
const PanelRows = 16

// record is one row of the record table: 16 rows by channels in bytes.
type record struct {
	channels int64
	bytes    int64
}

var records = map[tensor.Type]record{
	tensor.F32:  {1, 64},     // f32 w[16]
	tensor.F16:  {2, 64},     // fp16 w[2 channels][16]
	tensor.BF16: {2, 64},     // bf16 w[16][2 channels]
	tensor.Q8_0: {64, 1088},  // 0: fp16 d[2][16]; 64: 16 group vectors (q+128)
	tensor.Q4_0: {64, 576},   // 0: d[2][16]; 64: 8 nibble vectors
	tensor.Q4_1: {64, 640},   // 0: d[2][16]; 64: m[2][16]; 128: 8 nibble vectors
	tensor.Q5_0: {64, 704},   // 0: d[2][16]; 64: 8 nibble vectors; 576: 2 high-bit vectors
	tensor.Q5_1: {64, 768},   // 0: d[2][16]; 64: m[2][16]; 128: 8 nibble vectors; 640: 2 high-bit vectors
	tensor.Q4_K: {256, 2368}, // 0: d[16]; 32: dmin[16]; 64: u8 sc[8][16]; 192: u8 mn[4][16][2]; 320: 32 nibble vectors
	tensor.Q5_K: {256, 2880}, // as q4_k; 2368: 8 high-bit vectors
	tensor.Q6_K: {256, 3392}, // 0: d[16]; 32: zero; 64: i8 sc[16][16]; 320: 32 nibble vectors; 2368: 16 high-2 vectors
}

// Supported reports whether t has a p16 form.
func Supported(t tensor.Type) bool { _, ok := records[t]; return ok }

// RecordBytes is the size of one record of type t, 0 if t has none.
func RecordBytes(t tensor.Type) int { return int(records[t].bytes) }

// RecordChannels is the number of channels in one record, 0 if t has none.
func RecordChannels(t tensor.Type) int { return int(records[t].channels) }

// Panels is the number of panels that n rows of one member fill.
func Panels(n int64) int64 { return n/PanelRows + min(n%PanelRows, 1) }

// PanelBytes is the size of one panel: all k channels of 16 rows, k padded to
// whole records. k must fill whole blocks of t.
func PanelBytes(t tensor.Type, k int64) (int64, error) {
	rec, ok := records[t]
	if !ok {
		return 0, fmt.Errorf("type %s has no p16 form", t)
	}
	if k <= 0 || k%int64(t.BlockElems()) != 0 {
		return 0, fmt.Errorf("%s weight with %d channels: want a positive multiple of %d", t, k, t.BlockElems())
	}
	n := k / rec.channels
	if k%rec.channels != 0 {
		n++
	}
	size, ok := mul(n, rec.bytes)
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
