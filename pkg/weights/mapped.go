package weights

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Mapped holds weights in files of a folder, written and mapped as those of a
// bundle are, so that a program reads them as fast. Plain tensors are views of
// the checkpoint. Equal expressions are evaluated once, so that several programs
// of one checkpoint share what they have in common. It is safe for concurrent
// use.
type Mapped struct {
	src     Source
	workers int
	dir     string

	mu   sync.Mutex
	done map[string][]byte
	maps []*mmap.Mapping
}

// mappedBlock is what a file is written in, at multiples of it: Linux then keeps
// it in large pages and maps it with them, as it does a bundle (pkg/format).
const mappedBlock = 2 << 20

// NewMapped evaluates over src, which must stay open as long as weights are
// used, with up to workers goroutines. It makes a folder of its own in dir,
// which Close removes; "" is the system's folder for temporary files.
func NewMapped(src Source, workers int, dir string) (*Mapped, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(dir, "weights-")
	if err != nil {
		return nil, err
	}
	return &Mapped{src: src, workers: workers, dir: dir, done: map[string][]byte{}}, nil
}

// Close removes everything. Slices handed out must not be used any more.
func (m *Mapped) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []error
	for _, x := range m.maps {
		all = append(all, x.Close())
	}
	m.maps, m.done = nil, nil
	return errors.Join(append(all, os.RemoveAll(m.dir))...)
}

// Bytes returns the bytes of w, which must have been added, in its type and
// form; read-only.
func (m *Mapped) Bytes(_ string, w *ir.Weight) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.done[exprKey(w.Expr)]
	if !ok {
		return nil, fmt.Errorf("weight %s was not added, or the weights are closed", w.Name)
	}
	return data, nil
}

// Extent says where w, which must have been added, lies; false for a view of the
// checkpoint.
func (m *Mapped) Extent(segment string, w *ir.Weight) (tensor.Extent, bool) {
	data, err := m.Bytes(segment, w)
	if err != nil {
		return tensor.Extent{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.maps {
		if at, ok := mmap.Offset(x.Data, data); ok {
			return tensor.Extent{File: x.Path, Offset: at, Length: int64(len(data)), Mapping: x.Data}, true
		}
	}
	return tensor.Extent{}, false
}

// Add evaluates those of ws that are new, into one file.
func (m *Mapped) Add(ctx context.Context, ws []*ir.Weight) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		return fmt.Errorf("the weights are closed")
	}
	type place struct {
		*ir.Weight
		key       string
		off, size int64
	}
	var places []place
	var end int64
	taken := map[string]bool{}
	for _, w := range ws {
		key := exprKey(w.Expr)
		if _, ok := m.done[key]; ok || taken[key] {
			continue
		}
		size, err := Size(w.Expr)
		if err != nil {
			return fmt.Errorf("weight %s: %w", w.Name, err)
		}
		e, err := simple(w.Expr)
		if err != nil {
			return fmt.Errorf("weight %s: %w", w.Name, err)
		}
		data, ok, err := view(e, m.src, m.workers)
		if err != nil {
			return fmt.Errorf("weight %s: %w", w.Name, err)
		}
		if ok {
			m.done[key] = data
			continue
		}
		taken[key] = true
		places = append(places, place{w, key, end, size})
		end += (size + Align - 1) / Align * Align
	}
	if end == 0 {
		return nil
	}
	if free, err := disk.Free(m.dir); err == nil && free < end+1<<20 {
		return fmt.Errorf("weights need %d bytes in %s, which has %d free", end, m.dir, free)
	}
	path := filepath.Join(m.dir, strconv.Itoa(len(m.maps)))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := &blockWriter{w: f, buf: make([]byte, 0, mappedBlock)}
	for _, p := range places {
		if err = out.pad(p.off); err == nil {
			err = Write(ctx, out, p.Expr, m.src, Options{Workers: m.workers})
		}
		if err != nil {
			err = fmt.Errorf("weight %s: %w", p.Name, err)
			break
		}
	}
	if err == nil {
		err = errors.Join(out.pad(end), out.flush())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	x, err := mmap.Map(path)
	if err != nil {
		return err
	}
	m.maps = append(m.maps, x)
	if x.Size() != end {
		return fmt.Errorf("%s: %d bytes, want %d", path, x.Size(), end)
	}
	x.Advise(0, end, mmap.Huge)
	for _, p := range places {
		m.done[p.key] = x.Data[p.off : p.off+p.size : p.off+p.size]
	}
	return nil
}

// blockWriter writes whole blocks of cap(buf) bytes.
type blockWriter struct {
	w   io.Writer
	buf []byte
	off int64 // bytes given to Write
}

func (b *blockWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		piece := min(len(p), cap(b.buf)-len(b.buf))
		b.buf, p = append(b.buf, p[:piece]...), p[piece:]
		b.off += int64(piece)
		if len(b.buf) == cap(b.buf) {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// pad writes zeros up to offset off.
func (b *blockWriter) pad(off int64) error {
	_, err := b.Write(make([]byte, off-b.off))
	return err
}

func (b *blockWriter) flush() error {
	_, err := b.w.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}
