package pack

import (
	"fmt"
	"math/bits"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// RecordBytes is the size of one record of type t, 0 if t has none.
func RecordBytes(t tensor.Type) int {
	if f := formats[t]; f != nil {
		return f.Size
	}
	return 0
}

// RecordChannels is the number of channels in one record, 0 if t has none.
func RecordChannels(t tensor.Type) int {
	if f := formats[t]; f != nil {
		return f.Channels
	}
	return 0
}

// Panels is the number of panels that n rows of one member fill.
func Panels(n int64) int64 { return n/PanelRows + min(n%PanelRows, 1) }

// PanelBytes is the size of one panel: all k channels of 16 rows, k padded to
// whole records. k must fill whole blocks of t.
func PanelBytes(t tensor.Type, k int64) (int64, error) {
	f := formats[t]
	if f == nil {
		return 0, fmt.Errorf("type %s has no p16 form", t)
	}
	if k <= 0 || k%int64(f.elems) != 0 {
		return 0, fmt.Errorf("%s weight with %d channels: want a positive multiple of %d", t, k, f.elems)
	}
	n := k / int64(f.Channels)
	if k%int64(f.Channels) != 0 {
		n++
	}
	size, ok := mul(n, int64(f.Size))
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
