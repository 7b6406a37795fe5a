package kernel

import (
	"fmt"
	"unsafe"
)

// Task is one op ready to run.
type Task interface {
	// Prepare checks all fields and resolves the kernel. It must be called
	// again after a field changed, and does not allocate when it succeeds.
	Prepare() error
	// Items is the number of independent work items, valid after Prepare.
	Items() int
	// Scratch is the number of bytes one worker needs, 64-byte aligned. It does
	// not shrink when S grows.
	Scratch() int
	// Run executes items lo to hi-1.
	Run(lo, hi int, scratch []byte)
}

// Measured is a task whose Scratch is known behind Prepare, which looks at memory, or
// behind Measure, which looks at shapes alone. Scratch of other tasks needs neither.
type Measured interface {
	Task
	Measure() error
}

// largeBytes is what Go gives whole pages to: memory of that size begins on a boundary
// of 64 bytes by itself, and 63 more would often take another page of 8 KiB.
const largeBytes = 64 << 10

// AlignedBytes returns n zero bytes that start on a 64-byte boundary.
func AlignedBytes(n int) []byte {
	if n >= largeBytes {
		if b := make([]byte, n); aligned64(b) {
			return b
		}
	}
	b := make([]byte, n+63)
	off := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 63
	return b[off : off+n : off+n]
}

func aligned64(b []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))&63 == 0
}

func ceil(a, b int) int    { return (a + b - 1) / b }
func roundUp(a, b int) int { return ceil(a, b) * b }

// slice reinterprets n elements of T at byte offset off of mem, which holds
// no pointers and is aligned for T.
func slice[T int8 | int16 | int32 | int64 | uint16 | float32](mem []byte, off, n int) []T {
	if n == 0 {
		return nil
	}
	var t T
	b := mem[off : off+n*int(unsafe.Sizeof(t))]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// wantPlain checks that a is a plain f32 activation of shape [s, c].
func wantPlain(op, name string, a *Act, s, c int) error {
	if a.Elem != F32 || a.Layout != Plain {
		return fmt.Errorf("%s: %s is %s %s, want f32 plain", op, name, a.Elem, a.Layout)
	}
	return wantShape(op, name, a, s, c)
}

// wantF32 checks that a is an f32 activation of shape [s, c] in any layout.
func wantF32(op, name string, a *Act, s, c int) error {
	if a.Elem != F32 {
		return fmt.Errorf("%s: %s is %s, want f32", op, name, a.Elem)
	}
	return wantShape(op, name, a, s, c)
}

func wantShape(op, name string, a *Act, s, c int) error {
	if a.S != s || a.C != c {
		return fmt.Errorf("%s: %s has shape [%d, %d], want [%d, %d]", op, name, a.S, a.C, s, c)
	}
	return nil
}
