package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxName is the longest file name accepted, that of common file systems.
const maxName = 255

// CheckName refuses names that are not plain base names on every platform.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("empty file name")
	case len(name) > maxName:
		return fmt.Errorf("file name of %d bytes, at most %d are allowed", len(name), maxName)
	case name == "." || name == ".." || strings.ContainsAny(name, "/\\:\x00"):
		return fmt.Errorf("file name %q is not a plain name inside the folder", name)
	case !filepath.IsLocal(name):
		return fmt.Errorf("file name %q is reserved", name)
	}
	return nil
}

// Resolve returns the path of the file called name in dir. It fails when name
// is not a plain base name, when the file does not exist or is no regular
// file, and when a symbolic link leads out of dir.
func Resolve(dir, name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	st, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if st.Mode()&os.ModeSymlink != 0 {
		if err := inside(dir, path); err != nil {
			return "", err
		}
		if st, err = os.Stat(path); err != nil {
			return "", err
		}
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a regular file", path)
	}
	return path, nil
}

// inside checks that the link at path ends within dir, or within the blobs of
// the hub cache that dir is a snapshot of.
func inside(dir, path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("%s: broken symbolic link: %w", path, err)
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if real, err = filepath.Abs(real); err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	if within(root, real) {
		return nil
	}
	if snapshots := filepath.Dir(root); filepath.Base(snapshots) == "snapshots" &&
		within(filepath.Join(filepath.Dir(snapshots), "blobs"), real) {
		return nil
	}
	return fmt.Errorf("%s: symbolic link leaves the folder (to %s)", path, real)
}

func within(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

// Read returns the whole file, which must be regular, at most limit bytes long
// and not a git-lfs pointer.
func Read(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path) // before Open: a pipe would block
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are read", path, st.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, st.Size()+1) // one more, to see that the end is the end
	n, err := io.ReadFull(f, data)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if n == len(data) {
		return nil, fmt.Errorf("%s: grew while it was read", path)
	}
	data = data[:n:n]
	if IsPointer(data) {
		return nil, PointerError(path)
	}
	return data, nil
}

var pointerStart = []byte("version https://git-lfs")

// IsPointer reports whether a file that starts with head is a git-lfs pointer.
func IsPointer(head []byte) bool { return bytes.HasPrefix(head, pointerStart) }

// ErrPointer is for parsers that find a git-lfs pointer but know no path; their
// caller turns it into PointerError.
var ErrPointer = errors.New("git-lfs pointer")

// PointerError says that path is a git-lfs pointer and what to do about it.
func PointerError(path string) error {
	return fmt.Errorf("%s is a git-lfs pointer, not the file itself: run `git lfs pull` in its folder, or download the file", path)
}
