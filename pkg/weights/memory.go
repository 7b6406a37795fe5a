package weights

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Align is the alignment of evaluated weights in memory.
const Align = 64

// Memory evaluates weights on demand and keeps them: the weights of a program
// that runs without a bundle. Equal expressions are evaluated once. It is safe
// for concurrent use.
type Memory struct {
	src     Source
	workers int

	mu   sync.Mutex
	done map[string]*kept
}

type kept struct {
	once sync.Once
	data []byte
	err  error
}

// NewMemory evaluates over src with up to workers goroutines per weight. src
// must stay open as long as weights are used.
func NewMemory(src Source, workers int) *Memory {
	return &Memory{src: src, workers: workers, done: map[string]*kept{}}
}

// Bytes returns the bytes of w in its type and form; read-only. A plain tensor
// is a view of the checkpoint, aligned as its type needs; everything else lies
// on a multiple of Align.
func (m *Memory) Bytes(_ string, w *ir.Weight) ([]byte, error) {
	key := exprKey(w.Expr)
	m.mu.Lock()
	k := m.done[key]
	if k == nil {
		k = &kept{}
		m.done[key] = k
	}
	m.mu.Unlock()
	k.once.Do(func() { k.data, k.err = Bytes(w.Expr, m.src, m.workers) })
	if k.err != nil {
		return nil, fmt.Errorf("weight %s: %w", w.Name, k.err)
	}
	return k.data, nil
}

// Bytes evaluates e in memory: a view of src where e is a plain tensor or a
// run of its rows, else new memory aligned to Align.
func Bytes(e *ir.Expr, src Source, workers int) ([]byte, error) {
	size, err := Size(e)
	if err != nil {
		return nil, err
	}
	if e, err = simple(e); err != nil {
		return nil, err
	}
	if data, ok, err := view(e, src, workers); ok || err != nil {
		return data, err
	}
	dst, err := alloc(size)
	if err != nil {
		return nil, err
	}
	if err := Fill(context.Background(), dst, e, src, Options{Workers: workers}); err != nil {
		return nil, err
	}
	return dst, nil
}

// view returns e without a copy, if it can: it is one run of stored bytes,
// aligned for its type. The values are checked like any others.
func view(e *ir.Expr, src Source, workers int) ([]byte, bool, error) {
	v := &evaluator{src: src}
	if e.Form != ir.Rows {
		if _, ok := leafOf(e); !ok {
			return nil, false, nil
		}
		data, err := v.packedStored(e)
		return data, err == nil, err
	}
	leaf, ok := leafOf(e)
	if !ok {
		return nil, false, nil
	}
	if err := run(context.Background(), e, src, Options{Workers: workers}, nil, func(block, []byte) error { return nil }); err != nil {
		return nil, false, err
	}
	u, err := unitsOf(e)
	if err != nil {
		return nil, false, err
	}
	data, err := v.unchecked(e, leaf, u)
	if err != nil || len(data) == 0 {
		return nil, false, err
	}
	aligned := uintptr(unsafe.Pointer(&data[0]))%uintptr(alignOf(e.Type)) == 0
	return data, aligned, nil
}

// leafOf is the tensor or stored weight of which e is a run of bytes.
func leafOf(e *ir.Expr) (*ir.Expr, bool) {
	for e.Kind == ir.ExprSliceRows {
		e = e.Args[0]
	}
	return e, e.Kind == ir.ExprTensor || e.Kind == ir.ExprStored
}

// unchecked is the run of bytes that e is.
func (v *evaluator) unchecked(e, leaf *ir.Expr, u units) ([]byte, error) {
	var off int64
	for x := e; x != leaf; x = x.Args[0] {
		if x.Kind == ir.ExprSliceRows {
			xu, err := unitsOf(x)
			if err != nil {
				return nil, err
			}
			off += x.Lo * xu.size
		}
	}
	if leaf.Kind == ir.ExprStored {
		data, err := v.stored(leaf)
		if err != nil {
			return nil, err
		}
		return data[off : off+u.n*u.size], nil
	}
	t, err := v.src.Tensor(leaf.Name)
	if err != nil {
		return nil, err
	}
	return t.Data[off : off+u.n*u.size : off+u.n*u.size], nil
}

// alignOf is the alignment that readers of a type may count on: a scalar's own
// size; of blocks that of the fp16 scales in them.
func alignOf(t tensor.Type) int {
	if t.BlockElems() == 1 {
		return t.BlockBytes()
	}
	return 2
}

// alloc returns zeroed memory at a multiple of Align.
func alloc(n int64) ([]byte, error) {
	if n < 0 || n > 1<<46 {
		return nil, fmt.Errorf("cannot hold %d bytes in memory", n)
	}
	buf := make([]byte, n+Align)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % Align
	return buf[skip : int64(skip)+n : int64(skip)+n], nil
}

// exprKey is a text that equal expressions share.
func exprKey(e *ir.Expr) string {
	var b strings.Builder
	writeKey(&b, e)
	return b.String()
}

func writeKey(b *strings.Builder, e *ir.Expr) {
	fmt.Fprintf(b, "%s %s %s%v %d %d %d %s%v(", e.Kind, strconv.Quote(e.Name), e.Type, e.Shape, e.Lo, e.Hi, e.Heads, e.Form, e.Rows)
	for _, x := range e.Data {
		fmt.Fprintf(b, "%b ", x)
	}
	for _, a := range e.Args {
		writeKey(b, a)
	}
	b.WriteByte(')')
}
