// Package filelock is an advisory lock on a file, released by the system when
// its process dies.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// ErrHeld says that another process, or another Lock, holds the file.
var ErrHeld = errors.New("locked by another process")

// Lock is a held lock.
type Lock struct {
	f    *os.File
	path string
}

// Try locks the file at path, which it creates if needed, without waiting. It
// fails with ErrHeld when someone else holds it.
func Try(path string) (*Lock, error) {
	for range 100 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			f.Close()
			return nil, err
		}
		// Between opening and locking, the holder may have removed the file:
		// then this lock is on a file that nobody else can find.
		if current(f, path) {
			return &Lock{f, path}, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("%s is removed as fast as it is locked: %w", path, ErrHeld)
}

func current(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// Close releases the lock and leaves the file.
func (l *Lock) Close() error { return l.f.Close() }

// Remove removes the file and releases the lock.
func (l *Lock) Remove() error {
	if runtime.GOOS == "windows" { // an open file cannot be removed there
		return errors.Join(l.f.Close(), os.Remove(l.path))
	}
	return errors.Join(os.Remove(l.path), l.f.Close())
}
