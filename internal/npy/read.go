package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// Array is a tensor in row-major order: exactly one of F32 and I32 is not nil.
type Array struct {
	Shape []int
	F32   []float32
	I32   []int32
}

// ReadFile reads the .npy file at path.
func ReadFile(path string) (*Array, error) {
	st, err := os.Stat(path) // before Open: a pipe would block
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := Read(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// Read reads a .npy file of size bytes.
func Read(r io.Reader, size int64) (*Array, error) {
	h, left, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	n, err := elements(h.shape)
	if err != nil {
		return nil, err
	}
	width := int64(4)
	switch h.descr {
	case "<f4", "<i4":
	case "<i8":
		width = 8
	default:
		return nil, fmt.Errorf("element type %.20q, want '<f4', '<i4' or '<i8': convert with .astype('float32') or .astype('int32')", h.descr)
	}
	if h.fortran && len(h.shape) > 1 {
		return nil, fmt.Errorf("the array is in Fortran order, want C order: save numpy.ascontiguousarray(a)")
	}
	if int64(n) != left/width || left%width != 0 {
		return nil, fmt.Errorf("shape %v of %s needs %d elements, the file holds %d bytes behind its header", h.shape, h.descr, n, left)
	}
	a := &Array{Shape: h.shape}
	switch h.descr {
	case "<f4":
		a.F32 = make([]float32, n)
	default:
		a.I32 = make([]int32, n)
	}
	return a, a.fill(r, n, int(width))
}

// readHeader returns the header and the number of bytes behind it.
func readHeader(r io.Reader, size int64) (header, int64, error) {
	var head [12]byte
	if size < 10 {
		return header{}, 0, fmt.Errorf("%d bytes are no .npy file", size)
	}
	if _, err := io.ReadFull(r, head[:10]); err != nil {
		return header{}, 0, err
	}
	if string(head[:6]) != magic {
		return header{}, 0, fmt.Errorf("not a .npy file: it starts with %q", head[:6])
	}
	n, used := int64(binary.LittleEndian.Uint16(head[8:])), int64(10)
	switch head[6] {
	case 1:
	case 2:
		if _, err := io.ReadFull(r, head[10:]); err != nil {
			return header{}, 0, err
		}
		n, used = int64(binary.LittleEndian.Uint32(head[8:])), 12
	default:
		return header{}, 0, fmt.Errorf("format version %d.%d, want 1.0 or 2.0", head[6], head[7])
	}
	if n > maxHeader || n > size-used {
		return header{}, 0, fmt.Errorf("header of %d bytes in a file of %d, at most %d are read", n, size, maxHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return header{}, 0, err
	}
	h, err := parseHeader(string(text))
	return h, size - used - n, err
}

// fill reads n elements of width bytes.
func (a *Array) fill(r io.Reader, n, width int) error {
	buf := make([]byte, min(n*width, 1<<16))
	for at := 0; at < n; {
		b := buf[:min(len(buf), (n-at)*width)]
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("element %d: %w", at, err)
		}
		for ; len(b) > 0; b, at = b[width:], at+1 {
			switch {
			case a.F32 != nil:
				a.F32[at] = math.Float32frombits(binary.LittleEndian.Uint32(b))
			case width == 4:
				a.I32[at] = int32(binary.LittleEndian.Uint32(b))
			default:
				v := int64(binary.LittleEndian.Uint64(b))
				if v != int64(int32(v)) {
					return fmt.Errorf("element %d is %d, outside the range of int32", at, v)
				}
				a.I32[at] = int32(v)
			}
		}
	}
	return nil
}
