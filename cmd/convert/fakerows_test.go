//go:build fakerows

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestFakeRowsCommands: the codec of the tag is in what commands take, list and
// refuse, from its row alone.
func TestFakeRowsCommands(t *testing.T) {
	path := modelPath("llama-f32")
	out := filepath.Join(t.TempDir(), "m.tess")
	ok(t, "convert", path, "-o", out)
	for _, kv := range []string{"h4", "h4/f16"} {
		if s := ok(t, "run", out, "--tokens", "1,2,3", "--greedy", "-n", "4", "--json", "--kv-type", kv); strings.Count(s, `"id":`) != 4 {
			t.Errorf("%s: %s", kv, s)
		}
		if s := ok(t, "verify", path, "--kv-type", kv); !strings.HasSuffix(s, "proven\n") {
			t.Errorf("%s: %s", kv, s)
		}
	}
	if s := ok(t, "run", "--help"); !strings.Contains(s, "q8_0 or h4, or K/V") {
		t.Errorf("the help of run does not list the codec: %s", s)
	}
	if _, errs, code := app(t, "run", out, "--tokens", "1", "--kv-type", "h4/h5"); code != exitUsage || !strings.Contains(errs, `"h4/h5": want f32, f16, q8_0 or h4`) {
		t.Errorf("exit code %d, %s", code, errs)
	}
}
