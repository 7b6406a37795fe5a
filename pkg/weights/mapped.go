package weights

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// Mapped evaluates weights on demand into files of a folder and maps them: what
// a program reads then lies in memory as the weights of a bundle do, and is not
// anonymous memory. Plain tensors are views of the checkpoint. Equal expressions
// are evaluated once, so that several programs of one checkpoint share what they
// have in common. It is safe for concurrent use.
type Mapped struct {
	src     Source
	workers int
	dir     string

	mu   sync.Mutex
	done map[string][]byte
	maps []*mmap.Mapping
}

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

// Bytes returns the bytes of w in its type and form; read-only.
func (m *Mapped) Bytes(_ string, w *ir.Weight) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		return nil, fmt.Errorf("weight %s: the weights are closed", w.Name)
	}
	key := exprKey(w.Expr)
	if data, ok := m.done[key]; ok {
		return data, nil
	}
	data, err := m.evaluate(w.Expr)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", w.Name, err)
	}
	m.done[key] = data
	return data, nil
}

func (m *Mapped) evaluate(e *ir.Expr) ([]byte, error) {
	size, err := Size(e)
	if err != nil {
		return nil, err
	}
	if e, err = simple(e); err != nil {
		return nil, err
	}
	if data, ok, err := view(e, m.src, m.workers); ok || err != nil {
		return data, err
	}
	if free, err := disk.Free(m.dir); err == nil && free < size+1<<20 {
		return nil, fmt.Errorf("it needs %d bytes in %s, which has %d free", size, m.dir, free)
	}
	path := filepath.Join(m.dir, strconv.Itoa(len(m.maps)))
	if err := m.write(path, e); err != nil {
		return nil, err
	}
	x, err := mmap.Map(path)
	if err != nil {
		return nil, err
	}
	m.maps = append(m.maps, x)
	if x.Size() != size {
		return nil, fmt.Errorf("%s: %d bytes, want %d", path, x.Size(), size)
	}
	return x.Data, nil
}

func (m *Mapped) write(path string, e *ir.Expr) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = Write(context.Background(), w, e, m.src, Options{Workers: m.workers})
	if err == nil {
		err = w.Flush()
	}
	return errors.Join(err, f.Close())
}
