package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestReplace: the new content, or with an error the old one; nothing beside it is left, and a
// file that is called as a temporary one used to be is nobody's to take.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a"), filepath.Join(dir, "a.part")
	put := func(text string, fail error) error {
		return Replace(path, 0o600, func(f *os.File) error {
			_, err := f.WriteString(text)
			return errors.Join(err, fail)
		})
	}
	if err := os.WriteFile(other, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	fail := errors.New("no")
	for _, c := range []struct {
		text string
		fail error
		want string
	}{{"one", nil, "one"}, {"two", fail, "one"}, {"three", nil, "three"}} {
		if err := put(c.text, c.fail); !errors.Is(err, c.fail) {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != c.want {
			t.Errorf("behind %q: %q, %v", c.text, got, err)
		}
	}
	if got, err := os.ReadFile(other); err != nil || string(got) != "mine" {
		t.Errorf("the other file: %q, %v", got, err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	if err := Replace(filepath.Join(dir, "none", "a"), 0o600, func(*os.File) error { return nil }); err == nil {
		t.Error("a file in a folder that is not there")
	}
}
