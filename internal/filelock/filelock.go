// Package filelock is an advisory lock on a file, released by the system when
// its process dies.
package filelock

import (
	"errors"
	"os"
)

// ErrHeld says that another process, or another Lock, holds the file.
var ErrHeld = errors.New("locked by another process")

// Lock is a held lock.
type Lock struct{ f *os.File }

// Try locks the file at path, which it creates if needed, without waiting. It
// fails with ErrHeld when someone else holds it.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, err
	}
	return &Lock{f}, nil
}

// Close releases the lock and leaves the file.
func (l *Lock) Close() error { return l.f.Close() }
