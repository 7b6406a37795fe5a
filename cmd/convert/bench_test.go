package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestBench(t *testing.T) {
	path := bundle(t, "qwen3-f32-tied", "--type", "q8_0")
	small := []string{"-p", "8,4", "-n", "2", "-r", "2", "-d", "0,16", "--threads", "1"}
	tests := []string{"pp8", "pp4", "tg2", "pp8 @ d16", "pp4 @ d16", "tg2 @ d16"}

	out := ok(t, append([]string{"bench", path}, small...)...)
	for _, name := range append(tests, "tier ", "q8_0", "t/s") {
		if !strings.Contains(out, name) {
			t.Errorf("table without %q:\n%s", name, out)
		}
	}

	out = ok(t, append([]string{"bench", path, path, "--format", "md", "--ops"}, small...)...)
	rows := 0
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, " ± ") {
			rows++
			if strings.Count(line, "|") != 8 {
				t.Errorf("row %q", line)
			}
		}
	}
	if rows != 12 || !strings.Contains(out, "| attention_quant |") {
		t.Errorf("%d rows, want 12 and op times:\n%s", rows, out)
	}

	records, err := csv.NewReader(strings.NewReader(ok(t, append([]string{"bench", path, "-o", "csv"}, small...)...))).ReadAll()
	if err != nil || len(records) != 7 || len(records[0]) != len(records[6]) || records[6][slices.Index(records[0], "test")] != "tg2 @ d16" {
		t.Errorf("csv: %v, %q", err, records)
	}

	var rep benchReport
	if err := json.Unmarshal([]byte(ok(t, append([]string{"bench", path, "--json", "--ops", "--limits", "--kv-type", "q8_0"}, small...)...)), &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Machine.Cores < 1 || rep.Machine.Tier == "" || rep.Limits == nil || len(rep.Rows) != 6 {
		t.Fatalf("%+v", rep)
	}
	for i, r := range rep.Rows {
		if r.Test != tests[i] || r.Speed <= 0 || len(r.Samples) != 2 || len(r.Ops) == 0 || r.KVType != "q8_0" || r.Weights.Type != "q8_0" || r.Weights.Bytes == 0 || r.Backend != "cpu" {
			t.Errorf("%+v", r)
		}
	}
	// A mixture keeps its name; a checkpoint works as well.
	if out = ok(t, "bench", modelPath("qwen3-f32-tied"), "--no-cache", "--type", "q4_0", "-p", "4", "-n", "0", "-r", "1"); !strings.Contains(out, "q4_0") || strings.Contains(out, "tg") {
		t.Error(out)
	}
}

func TestBenchRefuses(t *testing.T) {
	path := bundle(t, "qwen3-f32-tied")
	// A depth beyond the context fails its rows, the others go on.
	out, _, code := app(t, "bench", path, "-p", "8", "-n", "0", "-d", "0,99999", "-r", "1")
	if code != 1 || !strings.Contains(out, "error: needs 100007 positions, the model was made for 512") || strings.Count(out, "±") != 1 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "no model", nil},
		{2, "nothing to measure", []string{path, "-p", "0", "-n", "0"}},
		{2, "want numbers", []string{path, "-p", "x"}},
		{2, "want numbers", []string{path, "-d", "-1"}},
		{2, "repetitions", []string{path, "-r", "0"}},
		{2, "want one of table, md, csv, json", []string{path, "--format", "html"}},
		{2, "no place in csv", []string{path, "--format", "csv", "--ops"}},
		{2, "--json and --format md do not go together", []string{path, "--json", "--format", "md"}},
		{2, "--json and --format table do not go together", []string{path, "--json", "-o", "table"}},
		{2, "changes a conversion", []string{path, "--type", "q8_0"}},
		{1, "no such file", []string{path + "x"}},
		{1, "2000 threads", []string{path, "--threads", "2000"}},
	} {
		fails(t, c.code, c.want, append([]string{"bench"}, c.args...)...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if out, errs, code := appContext(t, ctx, "bench", path, "--format", "json"); code != exitSignal || !strings.Contains(errs, "interrupted") || !json.Valid([]byte(out)) {
		t.Errorf("interrupted: exit code %d, %q, %q", code, out, errs)
	}
}
