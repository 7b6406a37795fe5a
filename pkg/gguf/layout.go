package gguf

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// setTensors converts the tensor list and checks that the data lie one after
// the other inside a file of the given size.
func (h *header) setTensors(raws []rawTensor, size int64) error {
	h.dataStart = pad(int64(len(h.text)), h.align)
	h.infos = make([]tensor.Info, len(raws))
	seen := make(map[string]struct{}, len(raws))
	next := int64(0) // offset that the next tensor must have
	for i, r := range raws {
		info, err := h.info(r)
		if err != nil {
			return err
		}
		if _, twice := seen[info.Name]; twice {
			return fmt.Errorf("tensor %q is listed twice", info.Name)
		}
		seen[info.Name] = struct{}{}
		if err := h.place(&info, r.off, next, size); err != nil {
			return fmt.Errorf("tensor %q: %w", info.Name, err)
		}
		next += pad(info.Bytes, h.align)
		h.infos[i] = info
	}
	return nil
}

// info converts one tensor without its place.
func (h *header) info(r rawTensor) (tensor.Info, error) {
	info := tensor.Info{Name: h.at(r.name), Shape: make(tensor.Shape, r.rank)}
	for i, d := range r.dims[:r.rank] {
		if d > math.MaxInt64 {
			return info, fmt.Errorf("tensor %q: dimension %d is %d, beyond int64", info.Name, i, d)
		}
		info.Shape[int(r.rank)-1-i] = int64(d)
	}
	var err error
	if info.Type, err = TypeFromID(r.id); err == nil {
		info.Bytes, err = tensor.Bytes(info.Type, info.Shape)
	}
	if err != nil {
		return info, fmt.Errorf("tensor %q: %w", info.Name, err)
	}
	return info, nil
}

// place checks the offset off of info, which must be next, and its end.
func (h *header) place(info *tensor.Info, off uint64, next, size int64) error {
	switch {
	case off%uint64(h.align) != 0:
		return fmt.Errorf("offset %d is not a multiple of the alignment %d", off, h.align)
	case off < uint64(next):
		return fmt.Errorf("offset %d overlaps the tensor before it, which ends at %d", off, next)
	case off > uint64(next):
		return fmt.Errorf("offset %d leaves a hole, want %d", off, next)
	}
	// next never passes size: every tensor before this one ended inside the
	// file, so the sum cannot overflow.
	info.Off = h.dataStart + next
	if info.Bytes > 0 && (info.Off > size || info.Bytes > size-info.Off) {
		return fmt.Errorf("%s %v needs %d bytes at offset %d, the file ends at %d", info.Type, info.Shape, info.Bytes, info.Off, size)
	}
	return nil
}

// pad rounds n up to a multiple of align, a power of two.
func pad(n, align int64) int64 { return (n + align - 1) &^ (align - 1) }
