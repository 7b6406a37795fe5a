package mmap

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapFile closes the section handle at once: the view keeps the section, and
// Windows refuses to truncate a file while a view of it exists.
func mapFile(f *os.File, size int) ([]byte, error) {
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY,
		uint32(uint64(size)>>32), uint32(size), nil)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(h)
	addr, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, err
	}
	// The address lies outside the Go heap; reading it through a pointer to the
	// variable is the conversion that vet can follow.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), size), nil
}

func unmapFile(view []byte) error {
	return windows.UnmapViewOfFile(uintptr(unsafe.Pointer(unsafe.SliceData(view))))
}

// advise does nothing: the cache manager of Windows has no equivalent hints
// for views.
func advise([]byte, Advice) {}
