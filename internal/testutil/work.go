package testutil

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// workInput names the file that a test run by Work is to read.
const workInput = "TESSERA_WORK_INPUT"

// Work builds the tests of the package under test with a counter at every
// statement and returns a function that runs one of them, which must begin with
// WorkInput, on an input and returns how many statements of the package it
// executed. Time depends on the machine and on who else uses it; this does not:
// a bound on it cannot fail by chance.
func Work(t *testing.T, test string) func(input string) int64 {
	t.Helper()
	dir := t.TempDir()
	exe := filepath.Join(dir, "work.test.exe")
	if out, err := exec.Command("go", "test", "-c", "-covermode=count", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("tests that count: %v\n%s", err, out)
	}
	in, profile := filepath.Join(dir, "input"), filepath.Join(dir, "profile")
	return func(input string) int64 {
		t.Helper()
		if err := os.WriteFile(in, []byte(input), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, "-test.run", "^"+test+"$", "-test.coverprofile", profile)
		cmd.Env = append(os.Environ(), workInput+"="+in)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", test, err, out)
		}
		n, err := statements(profile)
		if err != nil || n == 0 {
			t.Fatalf("%s: %d statements counted, %v", test, n, err)
		}
		return n
	}
}

// WorkInput returns the input that Work gave the calling test, which is skipped
// when it was not started by Work.
func WorkInput(t *testing.T) string {
	t.Helper()
	path := os.Getenv(workInput)
	if path == "" {
		t.Skip("runs where its statements are counted")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// statements sums up a coverage profile: lines "file:from,to statements times"
// behind one that names the mode.
func statements(profile string) (int64, error) {
	f, err := os.Open(profile)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var sum int64
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		var n, times int64
		_, counts, _ := strings.Cut(line, " ")
		if _, err := fmt.Sscanf(counts, "%d %d", &n, &times); err != nil {
			return 0, fmt.Errorf("%s: %q: %w", profile, line, err)
		}
		sum += n * times
	}
	return sum, lines.Err()
}
