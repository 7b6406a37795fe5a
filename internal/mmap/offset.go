package mmap

import "unsafe"

// Offset is where part begins in whole; false when it is empty or no part of
// it.
func Offset(whole, part []byte) (int64, bool) {
	if len(part) == 0 || len(part) > len(whole) {
		return 0, false
	}
	first, at := uintptr(unsafe.Pointer(unsafe.SliceData(whole))), uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	if at < first || at-first > uintptr(len(whole)-len(part)) {
		return 0, false
	}
	return int64(at - first), true
}
