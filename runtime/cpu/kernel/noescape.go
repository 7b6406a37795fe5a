package kernel

import "unsafe"

// hide returns p as a pointer that escape analysis does not follow, so that what
// it points to may stay on the stack when it is handed to a function in a table.
// The function must not keep it.
func hide[T any](p *T) *T {
	x := uintptr(unsafe.Pointer(p))
	return *(**T)(unsafe.Pointer(&x))
}

// hideSlice is hide for a slice.
func hideSlice[T any](s []T) []T { return unsafe.Slice(hide(unsafe.SliceData(s)), len(s)) }
