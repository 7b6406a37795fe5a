package folder

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func touch(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestCheckName(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "a/b", `a\b`, "/etc/passwd", "c:x", "../x", "x\x00", strings.Repeat("n", 256)} {
		if CheckName(bad) == nil {
			t.Errorf("%q accepted", bad)
		}
	}
	for _, good := range []string{"a", "model-00001-of-00002.safetensors", "..a", "ü"} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestResolve(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links")
	}
	root := t.TempDir()
	dir := filepath.Join(root, "snapshots", "rev")
	touch(t, filepath.Join(dir, "plain"), "x")
	touch(t, filepath.Join(root, "blobs", "abc"), "x")
	touch(t, filepath.Join(root, "secret"), "x")
	os.Mkdir(filepath.Join(dir, "sub"), 0o777)
	for link, to := range map[string]string{
		"inner": "plain", "blob": "../../blobs/abc", "out": "../../secret", "abs": filepath.Join(root, "secret"),
		"loop": "loop", "dangling": "nowhere", "chain": "out",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"plain": "", "inner": "", "blob": "",
		"out": "leaves the folder", "abs": "leaves the folder", "chain": "leaves the folder",
		"loop": "", "dangling": "", "absent": "", "sub": "not a regular file",
	} {
		got, err := Resolve(dir, name)
		if name == "loop" || name == "dangling" || name == "absent" {
			if err == nil {
				t.Errorf("%s: resolved to %s", name, got)
			}
			continue
		}
		if want == "" && (err != nil || got != filepath.Join(dir, name)) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	// The same link out of a folder that is no snapshot is refused.
	other := filepath.Join(root, "a", "b")
	touch(t, filepath.Join(other, "x"), "")
	os.Symlink("../../blobs/abc", filepath.Join(other, "blob"))
	if _, err := Resolve(other, "blob"); err == nil {
		t.Error("a link to blobs was accepted outside of a hub cache")
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	touch(t, path, "hello")
	if b, err := Read(path, 5); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := Read(path, 4); err == nil || !strings.Contains(err.Error(), "at most 4") {
		t.Error(err)
	}
	if _, err := Read(path+"x", 4); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Read(filepath.Dir(path), 4); err == nil {
		t.Error("read a directory")
	}
	touch(t, path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
	if _, err := Read(path, 1000); err == nil || !strings.Contains(err.Error(), "git lfs pull") {
		t.Error(err)
	}
}
