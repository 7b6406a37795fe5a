package format

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tessera-llm/tessera/internal/filelock"
)

// stage is the hidden folder in which a bundle is written: ".NAME.partial-X"
// beside its place, with a lock file ".NAME.partial-X.lock" that its writer
// holds until the folder has been renamed. Where the lock is free the writer is
// dead, and the next writer of the same bundle removes both.
type stage struct {
	dir  string
	lock *filelock.Lock
}

const lockSuffix = ".lock"

func stagePrefix(base string) string { return "." + base + ".partial-" }

// newStage makes a stage for the bundle called base in dir, and removes those
// of dead writers.
func newStage(dir, base string) (*stage, error) {
	if st, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !st.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	removeStale(dir, base)
	for range 100 {
		var r [6]byte
		rand.Read(r[:])
		path := filepath.Join(dir, stagePrefix(base)+hex.EncodeToString(r[:]))
		lock, err := filelock.Try(path + lockSuffix)
		if errors.Is(err, filelock.ErrHeld) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			lock.Remove()
			return nil, err
		}
		return &stage{path, lock}, nil
	}
	return nil, fmt.Errorf("no free name for a folder beside it")
}

// remove removes the stage and everything in it.
func (s *stage) remove() {
	os.RemoveAll(s.dir)
	s.lock.Remove()
}

// removeStale removes what killed writers of the same bundle left behind.
func removeStale(dir, base string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), stagePrefix(base))
		if !ok || len(strings.TrimSuffix(name, lockSuffix)) != 12 {
			continue
		}
		path := filepath.Join(dir, strings.TrimSuffix(e.Name(), lockSuffix))
		if lock, err := filelock.Try(path + lockSuffix); err == nil {
			(&stage{path, lock}).remove()
		}
	}
}

// Replaceable tells whether a bundle may be written at path: nothing is there,
// or an empty folder, or, with force, a bundle. Anything else is the user's
// and stays.
func Replaceable(path string, force bool) error {
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSymlink != 0 {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s is a symbolic link that leads nowhere: choose another output", path)
		}
	}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("output: %w", err)
	case !st.IsDir():
		return fmt.Errorf("%s exists and is not a folder: choose another output", path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	if !IsBundle(path) {
		return fmt.Errorf("%s is a folder with other things in it and not a bundle: choose another output", path)
	}
	if !force {
		return fmt.Errorf("%s exists already: use --force to replace it", path)
	}
	return nil
}
