package mmap

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

// FaultError says that a page of a mapped file could not be read.
type FaultError struct {
	Path   string
	Offset int64 // of the first byte that could not be read; -1 when unknown
	Size   int64 // of the file when it was mapped
	Now    int64 // of the file after the fault; -1 when it cannot be told
}

func (e *FaultError) Error() string {
	what := fmt.Sprintf("%s: cannot read mapped file", e.Path)
	if e.Offset >= 0 {
		what = fmt.Sprintf("%s: cannot read mapped byte %d of %d", e.Path, e.Offset, e.Size)
	}
	switch {
	case e.Now < 0:
		return what + ": the file is gone"
	case e.Now < e.Size:
		return fmt.Sprintf("%s: the file was truncated from %d to %d bytes while in use", what, e.Size, e.Now)
	}
	return what + ": input/output error"
}

// Guard runs f and returns its error. A fault on a live Mapping inside f, on
// this goroutine, ends f and comes back as a *FaultError; deferred calls of f
// run. So does EFAULT from a system call that was given mapped bytes, when a
// mapped file has shrunk. All other panics pass through.
//
// Guards may nest: the innermost one gets the fault, and each restores the
// setting it found. Goroutines started by f are not covered.
func Guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		r := recover()
		if r == nil {
			return
		}
		fault := faultOf(r)
		if fault == nil {
			panic(r)
		}
		err = fault
	}()
	err = f()
	if errors.Is(err, syscall.EFAULT) {
		if fault := shrunk(); fault != nil {
			return fmt.Errorf("%w (%w)", fault, err)
		}
	}
	return err
}

// faultOf names a recovered panic, or returns nil when it is not a fault on a
// live mapping.
func faultOf(r any) *FaultError {
	re, ok := r.(runtime.Error)
	if !ok {
		return nil
	}
	at, ok := re.(interface{ Addr() uintptr })
	if !ok {
		return nil
	}
	addr := at.Addr()
	live.Lock()
	defer live.Unlock()
	for m := range live.set {
		if base := m.base(); addr >= base && addr-base < uintptr(len(m.view)) {
			return &FaultError{Path: m.Path, Offset: int64(addr - base), Size: m.size, Now: sizeOf(m.Path)}
		}
	}
	return nil
}

// shrunk finds a live mapping whose file is smaller than it was, the first by
// path.
func shrunk() *FaultError {
	live.Lock()
	defer live.Unlock()
	var found *FaultError
	for m := range live.set {
		if now := sizeOf(m.Path); now < m.size && (found == nil || m.Path < found.Path) {
			found = &FaultError{Path: m.Path, Offset: -1, Size: m.size, Now: now}
		}
	}
	return found
}

func sizeOf(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return st.Size()
}
