package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sort"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Header is what a file says about its tensors.
type Header struct {
	Metadata []tensor.KV   // __metadata__ in file order
	Tensors  []tensor.Info // in the order of their data; Off counts from the start of the file
	Text     []byte        // the JSON, padding included
	FileSize int64         // size of the file that the header describes
}

// ReadHeader reads the length and the header from the start of r, nothing
// more, and checks everything but the size of the file against FileSize. The
// memory it takes is bounded by what r delivers.
func ReadHeader(r io.Reader) (*Header, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("not a safetensors file: no header length: %w", err)
	}
	n, err := headerLen(head[:])
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if got, err := io.CopyN(&text, r, n); err != nil {
		return nil, fmt.Errorf("truncated: header of %d bytes, %d present: %w", n, got, err)
	}
	return parseText(text.Bytes())
}

// parse reads the header of a whole file and compares the sizes.
func parse(data []byte) (*Header, error) {
	if folder.IsPointer(data) {
		return nil, folder.ErrPointer
	}
	if len(data) < 8 {
		return nil, fmt.Errorf("not a safetensors file: %d bytes, want at least 8 of header length", len(data))
	}
	n, err := headerLen(data)
	if err != nil {
		return nil, err
	}
	if n > int64(len(data))-8 {
		return nil, fmt.Errorf("truncated: header of %d bytes, %d present", n, len(data)-8)
	}
	h, err := parseText(bytes.Clone(data[8 : 8+n])) // a copy cannot change under our feet
	if err != nil {
		return nil, err
	}
	if size := int64(len(data)); size < h.FileSize {
		return nil, fmt.Errorf("truncated: the header describes %d bytes, the file has %d", h.FileSize, size)
	} else if size > h.FileSize {
		return nil, fmt.Errorf("%d bytes after the last tensor, which ends at %d", size-h.FileSize, h.FileSize)
	}
	return h, nil
}

func headerLen(head []byte) (int64, error) {
	n := binary.LittleEndian.Uint64(head)
	if n > MaxHeader {
		return 0, fmt.Errorf("not a safetensors file: header length %d, at most %d is allowed", n, MaxHeader)
	}
	return int64(n), nil
}

// parseText decodes and checks a header.
func parseText(text []byte) (*Header, error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, fmt.Errorf("not a safetensors file: header starts with %.16q, want '{'", text[:min(len(text), 16)])
	}
	entries, meta, err := scan(text)
	if err == nil {
		err = decodeEntries(entries)
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	h := &Header{Metadata: meta, Text: text}
	return h, h.place(entries)
}

// place orders the tensors by data and checks that they tile the file.
func (h *Header) place(entries []entry) error {
	sort.SliceStable(entries, func(i, j int) bool {
		a, b := &entries[i], &entries[j]
		return a.begin < b.begin || a.begin == b.begin && a.end < b.end
	})
	start := 8 + int64(len(h.Text))
	h.Tensors = make([]tensor.Info, len(entries))
	next := uint64(0)
	for i, e := range entries {
		n, err := tensor.Bytes(e.dtype.typ, e.shape)
		switch {
		case err != nil:
		case e.end < e.begin || e.end-e.begin != uint64(n):
			err = fmt.Errorf("data_offsets [%d, %d], want %d bytes for %s %v", e.begin, e.end, n, e.dtype.name, e.shape)
		case e.begin < next:
			err = fmt.Errorf("data_offsets [%d, %d] overlap %q, which ends at %d", e.begin, e.end, entries[i-1].name, next)
		case e.begin > next:
			err = fmt.Errorf("data_offsets [%d, %d] leave a hole of %d bytes", e.begin, e.end, e.begin-next)
		case e.end > 1<<63-1-uint64(start):
			err = fmt.Errorf("data_offsets [%d, %d] overflow", e.begin, e.end)
		}
		if err != nil {
			return fmt.Errorf("tensor %.200q: %w", e.name, err)
		}
		next = e.end
		h.Tensors[i] = tensor.Info{Name: e.name, Type: e.dtype.typ, Shape: e.shape, Bytes: n, Off: start + int64(e.begin)}
	}
	h.FileSize = start + int64(next)
	return nil
}
