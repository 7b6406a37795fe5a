package npy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/tessera-llm/tessera/internal/disk"
)

// DType is an element type that is written.
type DType string

// The element types.
const (
	F4 DType = "<f4"
	I4 DType = "<i4"
)

// Writer streams one array.
type Writer struct {
	w    *bufio.Writer
	t    DType
	left int
	file *os.File // of Create
	path string
}

// NewWriter writes the header of an array to w. The elements follow by
// Float32s or Int32s, then Close.
func NewWriter(w io.Writer, t DType, shape ...int) (*Writer, error) {
	n, err := elements(shape)
	if err != nil {
		return nil, err
	}
	if len(shape) > maxRank || t != F4 && t != I4 {
		return nil, fmt.Errorf("an array of %v %q: want at most %d dimensions of <f4 or <i4", shape, t, maxRank)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	_, err = b.WriteString(header{descr: string(t), shape: shape}.format())
	return &Writer{w: b, t: t, left: n}, err
}

// Create is NewWriter for a file that appears at path, replacing what stands
// there, when Close succeeds. Abort, or Close with elements missing, leaves
// nothing.
func Create(path string, t DType, shape ...int) (*Writer, error) {
	f, err := disk.Beside(path, 0o666)
	if err != nil {
		return nil, err
	}
	w, err := NewWriter(f, t, shape...)
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	w.file, w.path = f, path
	return w, nil
}

// Float32s appends elements to an F4 array.
func (w *Writer) Float32s(v []float32) error {
	if err := w.room(F4, len(v)); err != nil {
		return err
	}
	for _, x := range v {
		b := binary.LittleEndian.AppendUint32(w.w.AvailableBuffer(), math.Float32bits(x))
		if _, err := w.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// Int32s appends elements to an I4 array.
func (w *Writer) Int32s(v []int32) error {
	if err := w.room(I4, len(v)); err != nil {
		return err
	}
	for _, x := range v {
		b := binary.LittleEndian.AppendUint32(w.w.AvailableBuffer(), uint32(x))
		if _, err := w.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) room(t DType, n int) error {
	if t != w.t || n > w.left {
		return fmt.Errorf("%d elements of %s for an array of %s with %d elements missing", n, t, w.t, w.left)
	}
	w.left -= n
	return nil
}

// Close ends the array; it fails when elements are missing.
func (w *Writer) Close() error {
	err := w.w.Flush()
	if err == nil && w.left > 0 {
		err = fmt.Errorf("%d elements are missing", w.left)
	}
	if w.file == nil {
		return err
	}
	if e := w.file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.file.Name())
		err = fmt.Errorf("write %s: %w", w.path, err)
	}
	w.file = nil
	return err
}

// Abort removes an unfinished file; it does nothing behind Close.
func (w *Writer) Abort() {
	if w.file != nil {
		w.file.Close()
		os.Remove(w.file.Name())
		w.file = nil
	}
}

// WriteFile writes a as the file at path.
func WriteFile(path string, a *Array) error {
	t := F4
	if a.I32 != nil {
		t = I4
	}
	w, err := Create(path, t, a.Shape...)
	if err != nil {
		return err
	}
	defer w.Abort()
	if t == I4 {
		err = w.Int32s(a.I32)
	} else {
		err = w.Float32s(a.F32)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return w.Close()
}
