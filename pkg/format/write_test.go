package format_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tessera-llm/tessera/internal/filelock"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// TestRoundTrip: what a writer is given comes back, aligned, and is written
// again byte for byte.
func TestRoundTrip(t *testing.T) {
	b := open(t, sound(t))
	if err := b.Check(nil); err != nil {
		t.Fatal(err)
	}
	for _, w := range b.Manifest.Weights {
		if w.Offset%format.TensorAlign != 0 {
			t.Errorf("%s lies at %d", w.Name, w.Offset)
		}
	}
	for _, f := range b.Manifest.Files {
		if strings.HasSuffix(f.Name, ".bin") && f.Name != format.TokenizerFile && f.Bytes%format.FileAlign != 0 {
			t.Errorf("%s has %d bytes", f.Name, f.Bytes)
		}
	}
	out := filepath.Join(t.TempDir(), "again.tess")
	rewrite(t, b, out, false)
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != len(b.Manifest.Files)+1 {
		t.Errorf("%d files, want %d and a manifest (%v)", len(entries), len(b.Manifest.Files), err)
	}
	for _, e := range entries {
		if string(read(t, out, e.Name())) != string(read(t, b.Path, e.Name())) {
			t.Errorf("%s differs", e.Name())
		}
	}
	for _, s := range b.Segments {
		for _, w := range s.Graph.Weights {
			data, err := b.Bytes(s.Name, w)
			if err != nil || len(data) == 0 {
				t.Errorf("%s of %s: %d bytes (%v)", w.Name, s.Name, len(data), err)
			}
			if again, err := b.Stored(w.Name); err != nil || string(again) != string(data) {
				t.Errorf("%s of %s: Stored gives something else (%v)", w.Name, s.Name, err)
			}
			if len(b.Sources(w.Expr)) == 0 && !strings.HasPrefix(w.Name, "rope") {
				t.Errorf("%s has no sources", w.Name)
			}
		}
	}
	if _, err := b.Bytes("decoder-0", &ir.Weight{Name: "x", Expr: ir.StoredExpr("x", 1, []int64{1}, ir.Rows, []int64{1})}); err == nil {
		t.Error("a weight that is not there")
	}
	if _, err := b.Stored("x"); err == nil {
		t.Error("a stored weight that is not there")
	}
	if _, err := b.File("../x", 10); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not listed: %v", err)
	}
	if _, err := b.File("embed.seg", 1); err == nil || !strings.Contains(err.Error(), "at most 1") {
		t.Errorf("a file beyond the limit: %v", err)
	}
}

// rewrite writes everything b holds to out.
func rewrite(t testing.TB, b *format.Bundle, out string, force bool) {
	t.Helper()
	w, err := format.Create(out, force)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	fill(t, w, b)
	if err := w.Commit(*b.Manifest); err != nil {
		t.Fatal(err)
	}
}

func fill(t testing.TB, w *format.Writer, b *format.Bundle) {
	t.Helper()
	cur := ""
	for _, e := range b.Manifest.Weights {
		if e.File != cur {
			cur = e.File
			if err := w.StartWeights(cur); err != nil {
				t.Fatal(err)
			}
		}
		data := read(t, b.Path, e.File)[e.Offset : e.Offset+e.Bytes]
		if err := w.Weight(e, func(dst io.Writer) error { _, err := dst.Write(data); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range b.Segments {
		if err := w.Segment(b.Target, s, b.Manifest.Graphs[0].Segments[i].Weights); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range format.TextFiles {
		data, err := b.File(name, format.MaxText)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = w.File(name, data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestWrongWeights: a writer does not trust who fills it.
func TestWrongWeights(t *testing.T) {
	b := open(t, sound(t))
	e := b.Manifest.Weights[0]
	boom := errors.New("boom")
	for _, c := range []struct {
		want string
		fill func(io.Writer) error
		edit func(*format.WeightEntry)
	}{
		{"bytes written", func(w io.Writer) error { return nil }, nil},
		{"bytes written", func(w io.Writer) error { _, err := w.Write(make([]byte, e.Bytes+1)); return err }, nil},
		{"boom", func(w io.Writer) error { return boom }, nil},
		{"want", nil, func(e *format.WeightEntry) { e.Bytes++ }},
		{"packing form", nil, func(e *format.WeightEntry) { e.Form = "p1" }},
	} {
		dir := t.TempDir()
		w, err := format.Create(filepath.Join(dir, "b"), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.StartWeights("embed.bin"); err != nil {
			t.Fatal(err)
		}
		entry := e
		if c.edit != nil {
			c.edit(&entry)
		}
		if err := w.Weight(entry, c.fill); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), e.Name) {
			t.Errorf("%v, want %q", err, c.want)
		}
		w.Abort()
		w.Abort()
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}

// TestReplaceable: what may stand at the output and what may not.
func TestReplaceable(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("file"), nil, 0o644))
	must(os.Mkdir(at("empty"), 0o755))
	must(os.Mkdir(at("things"), 0o755))
	must(os.WriteFile(filepath.Join(at("things"), "thing"), nil, 0o644))
	must(os.CopyFS(at("bundle"), os.DirFS(sound(t))))
	must(os.Symlink(at("bundle"), at("link")))
	must(os.Symlink(at("nowhere"), at("dangling")))
	b := open(t, sound(t))
	for _, c := range []struct {
		name  string
		force bool
		want  string
	}{
		{"new", false, ""}, {"empty", false, ""},
		{"file", true, "not a folder"}, {"things", true, "other things"}, {"dangling", true, "leads nowhere"},
		{"bundle", false, "--force"}, {"link", false, "--force"},
		{"no/folder/here", false, "no such file"},
		{"file/below", false, "not a directory"},
	} {
		w, err := format.Create(at(c.name), c.force)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, force %v: %v, want %q", c.name, c.force, err, c.want)
		}
		if err == nil {
			fill(t, w, b)
			must(w.Commit(*b.Manifest))
			open(t, at(c.name))
		}
	}
	// With force: the old one is replaced, also through a link, which stays.
	for _, name := range []string{"bundle", "link"} {
		must(os.WriteFile(filepath.Join(at("bundle"), "extra"), nil, 0o644))
		rewrite(t, b, at(name), true)
		open(t, at("bundle"))
		if _, err := os.Stat(filepath.Join(at("bundle"), "extra")); err == nil {
			t.Errorf("%s: the old bundle is still there", name)
		}
	}
	if st, err := os.Lstat(at("link")); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone (%v)", err)
	}
	if left := hidden(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestStale: what a killed writer leaves is removed by the next one; what a
// living one is writing stays.
func TestStale(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "b.tess")
	alive, err := format.Create(out, false)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Abort()
	dead := filepath.Join(dir, ".b.tess.partial-0123456789ab")
	for _, d := range []string{dead, filepath.Join(dir, ".b.tess.partial-mine"), filepath.Join(dir, ".c.tess.partial-0123456789ab")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dead, "embed.bin"), make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(dir, ".b.tess.partial-ba9876543210"+format.LockSuffix)
	if err := os.WriteFile(orphan, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	other, err := format.Create(out, false)
	if err != nil {
		t.Fatal(err)
	}
	other.Abort()
	left := hidden(t, dir)
	slices.Sort(left)
	stage := filepath.Base(format.StageOf(alive))
	want := []string{".b.tess.partial-mine", ".c.tess.partial-0123456789ab", stage, stage + format.LockSuffix}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
	if _, err := filelock.Try(format.StageOf(alive) + format.LockSuffix); !errors.Is(err, filelock.ErrHeld) {
		t.Errorf("the living writer's lock: %v", err)
	}
}

// TestTwoWriters: several writers of one bundle, with and without force: the
// place always holds one whole bundle, and nothing stays beside it.
func TestTwoWriters(t *testing.T) {
	b := open(t, sound(t))
	dir := t.TempDir()
	out := filepath.Join(dir, "b.tess")
	var wg sync.WaitGroup
	won := make([]error, 8)
	for i := range won {
		wg.Go(func() {
			w, err := format.Create(out, i%2 == 0)
			if err != nil {
				won[i] = err
				return
			}
			defer w.Abort()
			fill(t, w, b)
			m := *b.Manifest
			m.Meta.Name = fmt.Sprint("writer ", i)
			won[i] = w.Commit(m)
		})
	}
	wg.Wait()
	ok := map[string]bool{}
	for i, err := range won {
		if err == nil {
			ok[fmt.Sprint("writer ", i)] = true
		} else if i%2 == 0 || !strings.Contains(err.Error(), "--force") {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	last := open(t, out)
	if err := last.Check(nil); err != nil || !ok[last.Manifest.Meta.Name] {
		t.Errorf("%q stands, %v won (%v)", last.Manifest.Meta.Name, slices.Sorted(maps.Keys(ok)), err)
	}
	if left := hidden(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestExchangeByRename: systems without an exchange of folders never overwrite
// what lies in the way.
func TestExchangeByRename(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"new", "b", "b.old", "b.old2"} {
		if err := os.MkdirAll(filepath.Join(at(name), "is-"+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	old, err := format.ExchangeByRename(at("new"), at("b"))
	if err != nil || old != at("b.old3") {
		t.Fatalf("%s, %v", old, err)
	}
	for name, has := range map[string]string{"b": "is-new", "b.old": "is-b.old", "b.old2": "is-b.old2", "b.old3": "is-b"} {
		if _, err := os.Stat(filepath.Join(at(name), has)); err != nil {
			t.Error(err)
		}
	}
	if _, err := format.ExchangeByRename(at("nothing"), at("b")); err == nil {
		t.Error("exchanged with nothing")
	}
	if _, err := os.Stat(filepath.Join(at("b"), "is-new")); err != nil {
		t.Errorf("a failed exchange: %v", err)
	}
}
