package main

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/hostile"
	"github.com/tessera-llm/tessera/internal/hostile/bundles"
)

// refusalBytes bounds what a whole command allocates when it refuses. Every one
// of them parses its command line and may start workers; a conversion that meets
// bad data has blocks of weights in memory.
const refusalBytes = 8 << 20

// refuse runs a command that must fail with want among its errors: exit code 1
// or 2, one message, no panic, bounded memory.
func refuse(t *testing.T, what, want string, args ...string) {
	t.Helper()
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	_, errs, code := func() (out, errs string, code int) {
		defer func() {
			if r := recover(); r != nil {
				code, errs = -1, fmt.Sprint("panic: ", r)
			}
		}()
		return app(t, args...)
	}()
	goruntime.ReadMemStats(&after)
	show := strings.Join(append([]string{what, "tessera"}, args...), " ")
	if code != 1 && code != 2 {
		t.Errorf("%s: exit code %d\n%s", show, code, errs)
		return
	}
	if !strings.Contains(errs, want) {
		t.Errorf("%s: errors %q, want %q among them", show, errs, want)
	}
	if strings.Count(errs, "\n") > 2 || len(errs) > 2000 {
		t.Errorf("%s: a message of %d bytes in %d lines", show, len(errs), strings.Count(errs, "\n"))
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > refusalBytes {
		t.Errorf("%s: %d bytes allocated, at most %d are allowed", show, n, refusalBytes)
	}
}

// TestHostileCheckpoints gives every malformed checkpoint to inspect, convert
// and run. Cases of the tokenizer are given to convert only, the others can do
// without it; some of them are no models either and refused for that. Cases that
// are damaged while open are the business of pkg/convert.
func TestHostileCheckpoints(t *testing.T) {
	files, commands := 0, 0
	for i, c := range hostile.Cases() {
		if c.Layer == hostile.Mapped {
			continue
		}
		files++
		dir := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		path, err := c.Write(dir)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		out := filepath.Join(dir, "out.tess")
		want := c.Want
		if c.Layer == hostile.Tokenizer {
			want = ""
		}
		refuse(t, c.Name, want, "convert", path, "-o", out)
		commands++
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: convert left something at its output", c.Name)
		}
		switch c.Layer {
		case hostile.Tokenizer:
			continue
		case hostile.Container, hostile.Checkpoint, hostile.Model:
			refuse(t, c.Name, c.Want, "inspect", path)
			commands++
		}
		refuse(t, c.Name, c.Want, "run", path, "--tokens", "1,2", "-n", "1", "--no-cache")
		commands++
	}
	t.Logf("%d malformed checkpoints, %d commands refused", files, commands)
	if files < 150 {
		t.Errorf("%d files", files)
	}
}

// TestHostileBundles gives every malformed bundle to inspect, run and segment.
// What only a search of the content finds is refused by inspect --check.
func TestHostileBundles(t *testing.T) {
	from := bundle(t, "llama3-bf16-tied", "--type", "q8_0", "--decoder-parts", "2")
	files, commands := 0, 0
	for i, c := range bundles.Cases() {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := c.Copy(from, dir); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		files++
		if c.Stage == bundles.Check {
			refuse(t, c.Name, c.Want, "inspect", dir, "--check")
			commands++
			continue
		}
		want := c.Want
		if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
			want = "" // no bundle at all: told as a checkpoint that is none
		}
		if c.Stage == bundles.Open {
			refuse(t, c.Name, want, "inspect", dir)
			refuse(t, c.Name, want, "segment", dir, "-o", dir+".out", "--decoder-parts", "1")
			commands += 2
			if _, err := os.Stat(dir + ".out"); err == nil {
				t.Errorf("%s: segment left something at its output", c.Name)
			}
		}
		refuse(t, c.Name, want, "run", dir, "--tokens", "1,2", "-n", "1")
		commands++
	}
	t.Logf("%d malformed bundles, %d commands refused", files, commands)
}
