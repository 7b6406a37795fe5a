package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
)

var update = flag.Bool("update", false, "rewrite the expected files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// models writes two small checkpoints.
func models(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range [][2]string{{"tiny-llama", "q8_0"}, {"tiny-llama-tied", "f16"}} {
		typ, err := quant.ParseRecipe(m[1])
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), m[0]+"-"+m[1]+".gguf")
		if _, err := synth.WriteGGUF(t.Context(), path, synth.Options{Model: m[0], Type: typ}); err != nil {
			t.Fatal(err)
		}
		all = append(all, path)
	}
	return all
}

// compared runs a whole comparison and returns the table.
func compared(t *testing.T, ctx context.Context, format string, args ...string) (string, error) {
	t.Helper()
	o, models, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := r.shapes(models); err != nil {
		t.Fatal(err)
	}
	runErr := o.compare(ctx, models, &r)
	var out bytes.Buffer
	if err := r.print(&out, format); err != nil {
		t.Fatal(err)
	}
	return out.String(), runErr
}

func TestTable(t *testing.T) {
	exe, calls := faked(t)
	log := filepath.Join(t.TempDir(), "log")
	args := append([]string{"-tessera", exe, "-log", log, "-limit", "5m", "-kv", "f16,q8_0", "-rounds", "3", "-deep-rounds", "2", "-tests", "pp512,tg32,pp512@d4096,tg32@d4096,tg16@d16384",
		"-peer", "ik/rtr=" + exe + " fork -rtr 1", "-sweep", "ik/rtr=" + exe + " sweep -rtr",
		"-peer", "ik=" + exe + " fork", "-sweep", "ik=" + exe + " sweep",
		"-peer", "llama=" + exe + " llama", "-peer", "old=" + exe + " fork", "-peer", "none=" + exe + " broken"}, models(t)...)
	out, err := compared(t, t.Context(), "md", args...)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "table.md", out)
	if out, err = compared(t, t.Context(), "json", args...); err != nil {
		t.Fatal(err)
	}
	var rows []row
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 20 {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	first := rows[0]
	if first.Model != "tiny-llama-q8_0" || first.Test != "pp512" || first.Limits.Dot != 3200 || len(first.Engines) != 6 || len(first.Engines[1].Samples) != 3 ||
		first.Engines[5].Error != "exit status 1: error: no kernel for this" || len(first.Best) != 1 || first.Best[0].Ratio != 1.25 || first.Engines[0].OfBound <= 0 {
		t.Errorf("%+v", first)
	}
	// 2 models × 2 cache types × (3 + 2 + 2 rounds): the second run finds every
	// round in the log. An engine that failed is not asked again.
	count := map[string]int{}
	for _, c := range called(t, calls) {
		role, rest, _ := strings.Cut(c, " ")
		if role == "bench" && !strings.Contains(rest, "--limits") {
			role = "warm"
		}
		count[role]++
	}
	for role, want := range map[string]int{"bench": 28, "warm": 2, "llama": 28, "sweep": 32, "fork": 12*2 + 20, "broken": 12} {
		if count[role] != want {
			t.Errorf("%d calls of %s, want %d", count[role], role, want)
		}
	}
	if _, err := os.Stat("llama.log"); err == nil {
		t.Error("an engine ran in the folder of the program")
	}
}

// TestGoesOn stops in the middle and goes on.
func TestGoesOn(t *testing.T) {
	exe, calls := faked(t)
	log := filepath.Join(t.TempDir(), "log")
	args := func(rounds string) []string {
		return []string{"-tessera", exe, "-log", log, "-tests", "pp8", "-rounds", rounds, "-peer", "a=" + exe + " llama", models(t)[0]}
	}
	if _, err := compared(t, t.Context(), "md", args("2")...); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	out, err := compared(t, stopped, "md", args("4")...)
	if !errors.Is(err, context.Canceled) || !strings.Contains(out, "| pp8 | 2 |") {
		t.Errorf("interrupted: %v\n%s", err, out)
	}
	// Half a line, as after a crash, is not believed.
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, append(b, `{"model":"tiny`...), 0o644); err != nil {
		t.Fatal(err)
	}
	before := len(called(t, calls))
	if out, err = compared(t, t.Context(), "md", args("3")...); err != nil || !strings.Contains(out, "| pp8 | 3 |") {
		t.Errorf("%v\n%s", err, out)
	}
	if n := len(called(t, calls)) - before; n != 3 { // warm, ours, a
		t.Errorf("%d calls for one more round", n)
	}
	again, err := os.ReadFile(log)
	if err != nil || !bytes.HasPrefix(again, b) || bytes.Count(again, []byte("\n")) != 4 {
		t.Errorf("%v\n%s", err, again)
	}
	// Another engine does not go on with it.
	o, _, err := parse(append([]string{"-peer", "b=" + exe + " llama"}, args("3")...))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := openLog(o); err == nil || !strings.Contains(err.Error(), "other engines") {
		t.Errorf("log of other engines: %v", err)
	}
	if err := os.WriteFile(log, []byte(strings.SplitAfter(string(again), "\n")[0]+"{}x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if o, _, err = parse(args("3")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openLog(o); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("damaged log: %v", err)
	}
}

func TestSlow(t *testing.T) {
	exe, _ := faked(t)
	out, err := compared(t, t.Context(), "json", "-tessera", exe, "-limit", "5s", "-rounds", "2", "-tests", "tg4", "-peer", "a="+exe+" slow", models(t)[0])
	if err != nil || !strings.Contains(out, "stopped after 5s") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSynth(t *testing.T) {
	exe, calls := faked(t)
	dir := filepath.Join(t.TempDir(), "models")
	t.Setenv("TESSERA_CACHE", "")
	args := []string{"-tessera", exe, "-dir", dir, "-shapes", "a,b", "-types", "q8_0,f16", "-make-only"}
	for range 2 {
		if err := run(t.Context(), args); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(called(t, calls)); n != 4 {
		t.Errorf("%d models made, want 4", n)
	}
	for _, name := range []string{"a-q8_0", "a-f16", "b-q8_0", "b-f16"} {
		if b, err := os.ReadFile(filepath.Join(dir, name+".gguf")); err != nil || string(b) != name[:1] {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if got := os.Getenv("TESSERA_CACHE"); got != filepath.Join(dir, "cache") {
		t.Errorf("bundles go to %q", got)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"want pp512", []string{"-tests", "pp512,xx3"}},
		{"want pp512", []string{"-tests", "pp"}},
		{"want pp512", []string{"-tests", "tg0"}},
		{"want pp512", []string{"-tests", "tg4@d-1"}},
		{"no test", []string{"-tests", ","}},
		{"no cache type", []string{"-kv", ","}},
		{"at least 1", []string{"-rounds", "0"}},
		{"want md or json", []string{"-format", "html"}},
		{"want name=", []string{"-peer", "a"}},
		{"want name=", []string{"-peer", "a="}},
		{"another engine", []string{"-peer", "a=x", "-peer", "a=y"}},
		{"another engine", []string{"-peer", "tessera=x"}},
		{"no -peer a", []string{"-sweep", "a=x"}},
		{"without -dir", []string{"-make-only"}},
		{"no models", nil},
		{"no such file", []string{"missing.gguf"}},
		{"two models", append(models(t)[:1], models(t)[0])},
	} {
		if err := run(t.Context(), c.args); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.args, err, c.want)
		}
	}
}
