package convert_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
)

// smallDisk mounts a file system of the given size until the test ends.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a small file system here (it takes root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk: a disk that is too small is refused before anything is
// written; one that fills up under way ends the conversion with an error that
// says so. Nothing is left, and an old bundle stays.
func TestFullDisk(t *testing.T) {
	p := plan(t, testutil.Model("war-and-peace"), convert.Options{Type: typed(t, "q8_0")})
	small := smallDisk(t, "3m")
	err := p.Write(context.Background(), filepath.Join(small, "b.tess"), convert.WriteOptions{})
	if err == nil || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("a disk of 3 MiB: %v", err)
	}
	empty(t, "small disk", small)

	disk := smallDisk(t, "20m")
	bundle := filepath.Join(disk, "b.tess")
	if err := p.Write(context.Background(), bundle, convert.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(disk, "filler")
	for _, force := range []bool{true, false} {
		if !force {
			if err := os.RemoveAll(bundle); err != nil {
				t.Fatal(err)
			}
		}
		filled := false
		err = p.Write(context.Background(), bundle, convert.WriteOptions{Force: force, Progress: func(n, total int64) {
			if !filled && n > total/3 {
				filled = true
				os.WriteFile(filler, make([]byte, 20<<20), 0o644) // as much as there is room for
			}
		}})
		if err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("a disk that filled up: %v", err)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if force {
			b, err := format.Open(bundle)
			if err != nil {
				t.Fatalf("the old bundle: %v", err)
			}
			if err := b.Check(nil); err != nil {
				t.Error(err)
			}
			b.Close()
			continue
		}
		empty(t, "full disk", disk)
	}
}
