package format

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// exchange puts the folder at tmp in the place of the one at path and returns
// where the old one is now.
func exchange(tmp, path string) (old string, err error) {
	err = unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
	if err == nil {
		return tmp, nil
	}
	return exchangeByRename(tmp, path)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func diskFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// startWriteback begins to write a range of f to the disk and does not wait.
// It is a hint: the final sync is what counts.
func startWriteback(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}
