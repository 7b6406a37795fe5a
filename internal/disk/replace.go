package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
)

// Replace makes the file at path of what write writes: beside it, under a name that is
// nobody's, synced and renamed, so that whoever opens path, also after a crash, finds the old file or
// the new one. mode is the new file's, less the umask. After an error path is as it was.
func Replace(path string, mode os.FileMode, write func(f *os.File) error) error {
	f, err := Beside(path, mode)
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Beside makes a file beside path that was not there, for one who renames it. os.CreateTemp
// would do, but that its files are always their owner's alone.
func Beside(path string, mode os.FileMode) (*os.File, error) {
	for try := 0; ; try++ {
		f, err := os.OpenFile(fmt.Sprintf("%s.%08x.part", path, rand.Uint32()), os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) || try == 100 {
			return f, err
		}
	}
}
