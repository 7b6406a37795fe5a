package mmap

import "golang.org/x/sys/unix"

const madvHuge = unix.MADV_HUGEPAGE
