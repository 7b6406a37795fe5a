package disk

import (
	"path/filepath"
	"testing"
)

// TestFree: a folder, and what is not there yet, have the room of the disk.
func TestFree(t *testing.T) {
	dir := t.TempDir()
	n, err := Free(dir)
	if err != nil || n <= 0 {
		t.Fatalf("%d bytes (%v)", n, err)
	}
	m, err := Free(filepath.Join(dir, "no", "such", "folder"))
	if err != nil || m <= 0 {
		t.Errorf("below what is not there: %d bytes (%v)", m, err)
	}
}
