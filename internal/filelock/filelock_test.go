package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("a held lock: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := Try(path)
	if err != nil {
		t.Fatalf("a released lock: %v", err)
	}
	if err := b.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file stayed: %v", err)
	}
	if _, err := Try(filepath.Join(path, "no", "such", "folder")); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestRemoveRace: holders that remove the file while others try never let two
// in at a time.
func TestRemoveRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside, both, got atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 300 {
				l, err := Try(path)
				if errors.Is(err, ErrHeld) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					both.Add(1)
				}
				got.Add(1)
				inside.Add(-1)
				if err := l.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if both.Load() != 0 || got.Load() == 0 {
		t.Errorf("%d times two holders, %d locks taken", both.Load(), got.Load())
	}
}
