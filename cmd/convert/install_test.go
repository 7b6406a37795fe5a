package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// TestInstall: make install puts the command where go install would, by what go env says. The
// go of the test answers that, and writes down where it is to build to.
func TestInstall(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the go of this test is a shell script")
	}
	makeCommand, err := exec.LookPath("make")
	if err != nil {
		t.Skip("make is not installed")
	}
	for _, c := range []struct{ bin, path, os, want string }{
		{"", "a", "linux", "a/bin/tessera"},
		{"", "a:b", "linux", "a/bin/tessera"},
		{"", "a b:c:d", "darwin", "a b/bin/tessera"},
		{"", "a:x;b", "windows", "a:x/bin/tessera"}, // a: is a drive
		{"g:h", "a:b", "linux", "g:h/tessera"},
		{"g", "", "linux", "g/tessera"},
		{"", "", "linux", ""},
		{"", ":b", "linux", ""},
	} {
		dir := t.TempDir()
		told := filepath.Join(dir, "told")
		script := fmt.Sprintf(`#!/bin/sh
case "$1 $2" in
"env GOBIN") echo '%s';; "env GOPATH") echo '%s';; "env GOHOSTOS") echo %s;; "env GOEXE") echo;;
build*) while [ "$1" != -o ]; do shift; done; printf %%s "$2" >told;;
*) exit 1;;
esac
`, c.bin, c.path, c.os)
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(makeCommand, "-f", filepath.Join(testutil.Root(), "Makefile"), "install", "GO=./go", "VERSION=test")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "MAKEFLAGS=", "MFLAGS=") // of the make that runs the tests
		out, err := cmd.CombinedOutput()
		got, _ := os.ReadFile(told)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("GOBIN %q, GOPATH %q on %s: built to %q, want %q: %v\n%s", c.bin, c.path, c.os, got, c.want, err, out)
		}
	}
}
