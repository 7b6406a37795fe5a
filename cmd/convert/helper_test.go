package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// app runs the program in this process and returns what it printed and its
// exit code.
func app(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return appContext(t, context.Background(), args...)
}

func appContext(t testing.TB, ctx context.Context, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	t.Setenv("TESSERA_CACHE", testCache(t))
	out, endOut := capture(t, &os.Stdout)
	errs, endErr := capture(t, &os.Stderr)
	code = run(ctx, append([]string{"tessera"}, args...))
	endOut()
	endErr()
	return <-out, <-errs, code
}

// testCache is a cache of this test's own, never the user's.
func testCache(t testing.TB) string {
	if dir := os.Getenv("TESSERA_TEST_CACHE"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// capture redirects *f into a string until end is called.
func capture(t testing.TB, f **os.File) (text chan string, end func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := *f
	*f = w
	text = make(chan string, 1)
	go func() {
		data, _ := io.ReadAll(r)
		r.Close()
		text <- string(data)
	}()
	return text, func() { *f = old; w.Close() }
}

// ok runs the program and wants exit code 0.
func ok(t testing.TB, args ...string) string {
	t.Helper()
	out, errs, code := app(t, args...)
	if code != 0 {
		t.Fatalf("tessera %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// fails runs the program and wants an exit code and a text among the errors.
func fails(t testing.TB, code int, want string, args ...string) {
	t.Helper()
	out, errs, got := app(t, args...)
	if got != code || !strings.Contains(errs, want) {
		t.Errorf("tessera %s: exit code %d, want %d; errors %q, want %q among them; output %q", strings.Join(args, " "), got, code, errs, want, out)
	}
}

func modelPath(name string) string { return testutil.Model(name) }

// bundle converts a committed checkpoint.
func bundle(t testing.TB, model string, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.tess")
	ok(t, append([]string{"convert", modelPath(model), "-o", path}, flags...)...)
	return path
}

// sameFile compares two files byte by byte.
func sameFile(t testing.TB, a, b string) bool {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}
