package convert_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/hostile"
	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
)

// empty fails when a folder holds anything.
func empty(t *testing.T, what, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("%s: left behind: %v (%v)", what, entries, err)
	}
}

// copyOf copies a committed checkpoint.
func copyOf(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(testutil.Model(name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDamagedWhileConverting: a checkpoint that is truncated or changed under a
// conversion ends it with an error that names the file, at its first and at its
// last block; nothing is left.
func TestDamagedWhileConverting(t *testing.T) {
	for _, c := range []struct {
		name, want string
		damage     func(path string) error
	}{
		{"truncated", "truncated", func(path string) error { return os.Truncate(path, 0) }},
		{"changed", "changed while it was read", func(path string) error { return os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)) }},
		{"removed", "changed while it was read", os.Remove},
	} {
		for _, at := range []int64{0, 1 << 62} {
			src := copyOf(t, "war-and-peace")
			weights := filepath.Join(src, "model.safetensors")
			out := t.TempDir()
			p := plan(t, src, convert.Options{Type: typed(t, "q8_0")})
			done := false
			err := p.Write(context.Background(), filepath.Join(out, "b.tess"), convert.WriteOptions{Workers: 2, Progress: func(n, total int64) {
				if !done && n >= min(at, total) {
					done = true
					if err := c.damage(weights); err != nil {
						t.Fatal(err)
					}
				}
			}})
			if c.name == "truncated" && at > 0 {
				c.want = "changed while it was read" // all blocks had been read
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "model.safetensors") {
				t.Errorf("%s at %d: %v, want %q", c.name, at, err, c.want)
			}
			empty(t, c.name, out)
		}
	}
}

// TestMappedCases converts every checkpoint of internal/hostile that is damaged
// while open, in every weight type that reads it in another way.
func TestMappedCases(t *testing.T) {
	n := 0
	for _, c := range hostile.Cases() {
		if c.Layer != hostile.Mapped {
			continue
		}
		n++
		dir, out := t.TempDir(), t.TempDir()
		path, err := c.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		err, broken := hostile.Try(func() error {
			ck, err := checkpoint.Open(path)
			if err != nil {
				return err
			}
			defer ck.Close()
			p, err := convert.NewPlan(context.Background(), ck, convert.Options{})
			if err != nil {
				return err
			}
			if err := c.Damage(path); err != nil {
				return err
			}
			return p.Write(context.Background(), filepath.Join(out, "b"), convert.WriteOptions{})
		})
		if err == nil || broken != nil {
			t.Errorf("%s: %v, %v", c.Name, err, broken)
		}
		empty(t, c.Name, out)
	}
	if n == 0 {
		t.Error("no cases")
	}
}

// TestCancelled: a conversion that is cancelled leaves nothing, and an old
// bundle stays.
func TestCancelled(t *testing.T) {
	out := t.TempDir()
	bundle := filepath.Join(out, "b.tess")
	for _, old := range []bool{false, true} {
		p := plan(t, testutil.Model("war-and-peace"), convert.Options{Type: typed(t, "q8_0")})
		if old {
			if err := p.Write(context.Background(), bundle, convert.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for at := range int64(6) {
			ctx, cancel := context.WithCancel(context.Background())
			err := p.Write(ctx, bundle, convert.WriteOptions{Force: true, Workers: 3, Progress: func(n, total int64) {
				if n >= total*at/6 {
					cancel()
				}
			}})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled at %d of 6: %v", at, err)
			}
			if !old {
				empty(t, "cancelled", out)
				continue
			}
			b, err := format.Open(bundle)
			if err != nil {
				t.Fatalf("the old bundle: %v", err)
			}
			if err := b.Check(nil); err != nil {
				t.Error(err)
			}
			b.Close()
		}
	}
}

// TestBadOutputs: outputs that cannot be written, or must not.
func TestBadOutputs(t *testing.T) {
	src := copyOf(t, "llama-f32")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	p := plan(t, src, convert.Options{})
	for _, c := range []struct{ out, want string }{
		{file, "not a folder"},
		{filepath.Join(file, "b"), "not a directory"},
		{filepath.Join(t.TempDir(), "no", "such", "b"), "no such file"},
		{src, "not a bundle"},
		{filepath.Join(src, "model.safetensors"), "not a folder"},
		{filepath.Join(locked, "b"), "permission denied"},
		{filepath.Join(t.TempDir(), strings.Repeat("n", 300)), "too long"},
	} {
		if c.want == "permission denied" && (os.Geteuid() == 0 || runtime.GOOS == "windows") {
			continue // root may write anywhere
		}
		if runtime.GOOS == "windows" && c.want != "not a folder" && c.want != "not a bundle" {
			c.want = ""
		}
		err := p.Write(context.Background(), c.out, convert.WriteOptions{Force: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.out, err, c.want)
		}
	}
	if again := contents(t, src); len(again) != len(contents(t, testutil.Model("llama-f32"))) {
		t.Error("the checkpoint's folder was changed")
	}
	// Inside the checkpoint's folder is a place like any other.
	inside := filepath.Join(src, "b.tess")
	for range 2 {
		if err := p.Write(context.Background(), inside, convert.WriteOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		sameFiles(t, "again", contents(t, inside), contents(t, write(t, src, convert.Options{})))
	}
}

// TestBadScales: a checkpoint whose blocks have NaN scales is refused with the
// tensor's name, whatever the wanted type.
func TestBadScales(t *testing.T) {
	n := 0
	for _, c := range hostile.Cases() {
		if c.Layer != hostile.Weights {
			continue
		}
		for _, typ := range []string{"keep", "f32"} {
			n++
			path, err := c.Write(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			out := t.TempDir()
			ck, err := checkpoint.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			p, err := convert.NewPlan(context.Background(), ck, convert.Options{Type: typed(t, typ), Requantise: true})
			if err == nil {
				err = p.Write(context.Background(), filepath.Join(out, "b"), convert.WriteOptions{})
			}
			ck.Close()
			if err == nil || !strings.Contains(err.Error(), c.Want) {
				t.Errorf("%s to %s: %v, want %q", c.Name, typ, err, c.Want)
			}
			empty(t, fmt.Sprint(c.Name, typ), out)
		}
	}
	if n == 0 {
		t.Error("no cases")
	}
}
