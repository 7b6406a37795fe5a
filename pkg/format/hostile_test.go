package format_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/hostile"
	"github.com/tessera-llm/tessera/internal/hostile/bundles"
	"github.com/tessera-llm/tessera/pkg/format"
)

// TestHostile opens every malformed bundle: a clear error, no panic, and an
// allocation bounded by the size of the files. Cases of later stages open.
func TestHostile(t *testing.T) {
	from := sound(t)
	stages := map[bundles.Stage]int{}
	for i, c := range bundles.Cases() {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := c.Copy(from, dir); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		stages[c.Stage]++
		err, broken := hostile.Try(func() error {
			b, err := format.Open(dir)
			if err != nil {
				return err
			}
			defer b.Close()
			if c.Stage == bundles.Check {
				return b.Check(nil)
			}
			return nil
		})
		if broken != nil && (c.Stage != bundles.Check || strings.HasPrefix(broken.Error(), "panic")) {
			t.Errorf("%s: %v", c.Name, broken)
		}
		switch {
		case c.Stage == bundles.Run:
			if err != nil {
				t.Errorf("%s: opening is not to refuse it: %v", c.Name, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.Want):
			t.Errorf("%s: %v, want %q", c.Name, err, c.Want)
		case !strings.Contains(err.Error(), dir):
			t.Errorf("%s: the error does not name the bundle: %v", c.Name, err)
		case len(err.Error()) > 1200:
			t.Errorf("%s: an error of %d bytes", c.Name, len(err.Error()))
		}
	}
	t.Logf("%d refused by opening, %d by running, %d by checking", stages[bundles.Open], stages[bundles.Run], stages[bundles.Check])
	if stages[bundles.Open] < 60 {
		t.Errorf("%d cases", stages[bundles.Open])
	}
}

// TestEveryTruncation cuts the manifest and every graph at many places.
func TestEveryTruncation(t *testing.T) {
	from := sound(t)
	text := read(t, from, format.ManifestName)
	for n := 0; n < len(text)-2; n += 1 + len(text)/600 {
		if _, err := format.DecodeManifest(text[:n]); err == nil {
			t.Fatalf("%d of %d bytes of the manifest are accepted", n, len(text))
		}
	}
	for _, s := range open(t, from).Manifest.Graphs[0].Segments {
		data := read(t, from, s.File)
		for n := range len(data) {
			if seg, err := format.DecodeSegment(data[:n], anyWeight(t)); err == nil && len(seg.Graph.Nodes) > 0 {
				t.Fatalf("%d of %d bytes of %s are accepted", n, len(data), s.File)
			}
		}
	}
}
