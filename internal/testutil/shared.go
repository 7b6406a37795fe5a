// Package testutil finds the data that tests use but the repository does not
// hold, and counts the work of a test where a time would depend on the machine.
package testutil

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// SharedData returns the path of a file of the shared test data (vocabularies,
// chat templates, text). It is looked for in $TESSERA_SHARED, then in
// shared/ beside the checkout; where it is absent the test is skipped and says
// so.
func SharedData(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("TESSERA_SHARED")
	if dir == "" {
		dir = filepath.Join(Root(), "..", "shared")
	}
	path := filepath.Join(dir, "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("shared test data absent: %v (set TESSERA_SHARED)", err)
	}
	return path
}

// Root is the top directory of the checkout.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Model returns the path of a committed checkpoint under testdata/models.
func Model(name string) string {
	return filepath.Join(Root(), "testdata", "models", name)
}
