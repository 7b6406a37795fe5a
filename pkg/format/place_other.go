//go:build !linux

package format

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

func exchange(tmp, path string) (old string, err error) { return exchangeByRename(tmp, path) }

func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be opened for syncing there
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// errDiskFull is ERROR_DISK_FULL of Windows.
const errDiskFull = syscall.Errno(112)

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || runtime.GOOS == "windows" && errors.Is(err, errDiskFull)
}

// startWriteback does nothing where the system has no such hint.
func startWriteback(*os.File, int64, int64) {}
