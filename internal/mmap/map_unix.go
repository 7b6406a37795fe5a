//go:build linux || darwin

package mmap

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(view []byte) error { return unix.Munmap(view) }

func advise(view []byte, a Advice) {
	flag := unix.MADV_NORMAL
	switch a {
	case Sequential:
		flag = unix.MADV_SEQUENTIAL
	case Random:
		flag = unix.MADV_RANDOM
	case WillNeed:
		flag = unix.MADV_WILLNEED
	case DontNeed:
		flag = unix.MADV_DONTNEED
	case Huge:
		if flag = madvHuge; flag < 0 {
			return
		}
	}
	_ = unix.Madvise(view, flag)
}
