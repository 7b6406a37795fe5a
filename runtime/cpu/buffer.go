package cpu

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// buffer is rows × cols of f32 or i32 in ordinary memory.
type buffer struct {
	elem       ir.Elem
	rows, cols int
	max        int
	f          []float32
	i          []int32
	closed     bool
}

var _ backend.Buffer = (*buffer)(nil)

// maxBufferElems bounds what NewBuffer allocates: sizes come from files.
const maxBufferElems = 1 << 31

func newBuffer(t ir.Type, rows int) (*buffer, error) {
	cols, err := bufferCols(t, rows)
	if err != nil {
		return nil, err
	}
	b := &buffer{elem: t.Elem, cols: cols, max: rows}
	if t.Elem == ir.F32 {
		b.f = alignedF32(rows * cols)
	} else {
		b.i = make([]int32, rows*cols)
	}
	return b, nil
}

// bufferCols is the numbers, four bytes each, of a row of a buffer for rows rows of t.
func bufferCols(t ir.Type, rows int) (cols int, err error) {
	cols = 1
	switch len(t.Shape) {
	case 1:
	case 2:
		cols = int(t.Shape[1])
	default:
		return 0, fmt.Errorf("buffer for %s: want rank 1 or 2", t)
	}
	if t.Elem != ir.F32 && t.Elem != ir.I32 {
		return 0, fmt.Errorf("buffer for %s: want f32 or i32", t)
	}
	if rows < 0 || cols <= 0 || rows > maxBufferElems/cols {
		return 0, fmt.Errorf("buffer for %s with %d rows: too large", t, rows)
	}
	return cols, nil
}

func alignedF32(n int) []float32 {
	if n == 0 {
		return []float32{}
	}
	mem := kernel.AlignedBytes(4 * n)
	return unsafe.Slice((*float32)(unsafe.Pointer(&mem[0])), n)
}

func (b *buffer) Rows() int { return b.rows }
func (b *buffer) Cols() int { return b.cols }

func (b *buffer) setRows(n int) error {
	if n < 0 || n > b.max {
		return fmt.Errorf("%d rows in a buffer for %d", n, b.max)
	}
	b.rows = n
	return nil
}

func (b *buffer) SetInt32(data []int32) error {
	if err := b.holds(ir.I32); err != nil {
		return err
	}
	if len(data)%b.cols != 0 {
		return fmt.Errorf("%d i32 for a buffer of %s × %d", len(data), b.elem, b.cols)
	}
	if err := b.setRows(len(data) / b.cols); err != nil {
		return err
	}
	copy(b.i, data)
	return nil
}

func (b *buffer) SetFloat32(data []float32) error {
	if err := b.holds(ir.F32); err != nil {
		return err
	}
	if len(data)%b.cols != 0 {
		return fmt.Errorf("%d f32 for a buffer of %s × %d", len(data), b.elem, b.cols)
	}
	if err := b.setRows(len(data) / b.cols); err != nil {
		return err
	}
	copy(b.f, data)
	return nil
}

// Int32 does not wait: a run is over when it returns.
func (b *buffer) Int32(context.Context) ([]int32, error) {
	if err := b.holds(ir.I32); err != nil {
		return nil, err
	}
	return b.i[:b.rows*b.cols], nil
}

// Float32 does not wait either.
func (b *buffer) Float32(context.Context) ([]float32, error) {
	if err := b.holds(ir.F32); err != nil {
		return nil, err
	}
	return b.f[:b.rows*b.cols], nil
}

// holds checks that the buffer is open and of the element type.
func (b *buffer) holds(e ir.Elem) error {
	switch {
	case b.closed:
		return fmt.Errorf("a buffer of %s × %d: %w", b.elem, b.cols, backend.ErrClosed)
	case b.elem != e:
		return fmt.Errorf("a buffer of %s holds no %s", b.elem, e)
	}
	return nil
}

// Close gives the memory back.
func (b *buffer) Close() error {
	b.f, b.i, b.rows, b.max, b.closed = nil, nil, 0, 0, true
	return nil
}
