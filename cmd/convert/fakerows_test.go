//go:build fakerows

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTwoTargetsCommands: a bundle for two targets shows the graphs of each, and
// verify advises what convert takes.
func TestTwoTargetsCommands(t *testing.T) {
	both, one := bundle(t, "llama-f32", "--target", "cpu,rows"), bundle(t, "llama-f32")
	first, rows := ok(t, "inspect", both, "--graph", "decoder-0"), ok(t, "inspect", both, "--graph", "decoder-0", "--target", "rows")
	if first == rows || !strings.Contains(first, "p16") || strings.Contains(first, "rows)") || !strings.Contains(rows, ", rows)") {
		t.Errorf("the graphs for cpu and rows:\n%s\n%s", first, rows)
	}
	if s := ok(t, "inspect", both, "--target", "cpu", "--graph", "decoder-0"); s != first {
		t.Error("the graph for cpu is not that of the first target")
	}
	for _, command := range []string{"inspect", "verify"} {
		fails(t, 1, `has graphs for cpu, not for "rows": convert the checkpoint with --target cpu,rows`+"\n", command, one, "--target", "rows")
	}
}

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
