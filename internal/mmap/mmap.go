package mmap

import (
	"fmt"
	"math"
	"os"
	"sync"
	"time"
	"unsafe"
)

// Mapping is a file mapped read-only. Writing to Data faults.
type Mapping struct {
	Data []byte // the whole file; empty for an empty file and after Close
	Path string // as given to Map

	mtime time.Time
	size  int64
	mu    sync.Mutex
	view  []byte // what unmap needs; nil when empty or closed
}

// Advice tells the kernel how a range will be read.
type Advice int

// The advices. All are hints; a platform without them ignores them.
const (
	Normal     Advice = iota
	Sequential        // read ahead, drop behind
	Random            // no read-ahead
	WillNeed          // start reading now
	DontNeed          // the pages may leave this process's memory
	Huge              // bring the file in by large pages where it is not in memory yet, and map it with them
)

// live holds every open Mapping, so that a fault can be given a name.
var live = struct {
	sync.Mutex
	set map[*Mapping]struct{}
}{set: map[*Mapping]struct{}{}}

// Map maps the file at path. Directories, devices and pipes are errors, and so
// is a file larger than the address space.
func Map(path string) (*Mapping, error) {
	// Stat first: opening a pipe would block.
	if st, err := os.Stat(path); err != nil {
		return nil, err
	} else if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file (%s)", path, st.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file (%s)", path, st.Mode().Type())
	}
	m := &Mapping{Path: path, mtime: st.ModTime(), size: st.Size()}
	if m.size == 0 {
		return m, nil
	}
	if m.size > math.MaxInt {
		return nil, fmt.Errorf("%s: %d bytes do not fit the address space", path, m.size)
	}
	if m.view, err = mapFile(f, int(m.size)); err != nil {
		return nil, fmt.Errorf("map %s (%d bytes): %w", path, m.size, err)
	}
	m.Data = m.view
	live.Lock()
	live.set[m] = struct{}{}
	live.Unlock()
	return m, nil
}

// Size is the length of the file when it was mapped.
func (m *Mapping) Size() int64 { return m.size }

// Close unmaps the file. Every slice of Data is invalid afterwards: touching
// one crashes the program. Closing twice is harmless.
func (m *Mapping) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.view == nil {
		return nil
	}
	live.Lock()
	delete(live.set, m)
	live.Unlock()
	view := m.view
	m.view, m.Data = nil, nil
	if err := unmapFile(view); err != nil {
		return fmt.Errorf("unmap %s: %w", m.Path, err)
	}
	return nil
}

// Advise passes a hint for n bytes at off, widened to whole pages for hints
// that load and narrowed for DontNeed. Ranges outside the file are cut off;
// errors of the kernel are dropped, since a hint changes no result.
func (m *Mapping) Advise(off, n int64, a Advice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := int64(len(m.view))
	if off < 0 || n <= 0 || off >= size {
		return
	}
	end := size
	if n < size-off {
		end = off + n
	}
	page := int64(os.Getpagesize())
	if a == DontNeed {
		off = (off + page - 1) / page * page
		if end != size {
			end = end / page * page
		}
	} else {
		off = off / page * page
	}
	if off < end {
		advise(m.view[off:end], a)
	}
}

// Unchanged reports an error when the file at Path is no longer the one that
// was mapped: gone, of another size or modified since.
func (m *Mapping) Unchanged() error {
	st, err := os.Stat(m.Path)
	if err != nil {
		return fmt.Errorf("file changed while it was read: %w", err)
	}
	if st.Size() != m.size {
		return fmt.Errorf("%s changed while it was read: now %d bytes, %d when opened", m.Path, st.Size(), m.size)
	}
	if !st.ModTime().Equal(m.mtime) {
		return fmt.Errorf("%s changed while it was read: modified at %s", m.Path, st.ModTime().Format(time.RFC3339Nano))
	}
	return nil
}

// base is the address of the first mapped byte.
func (m *Mapping) base() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(m.view))) }
