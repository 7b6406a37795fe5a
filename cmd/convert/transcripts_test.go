package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

var updateTranscripts = flag.Bool("update-transcripts", false, "rewrite testdata/transcripts from what the commands print now")

// A transcript is a file NN-name.txt: the command, what it prints on standard
// output, what on standard error, and its exit code. Commands run in the order
// of their numbers at the top of the checkout; $TMP is a folder they share, so
// later ones find what earlier ones wrote. Times, rates, paths and versions are
// normalised. The first transcripts are of e4b30ff; every later difference
// stands in the history of these files.
//
//	go test ./cmd/convert -run TestTranscripts -args -update-transcripts
func TestTranscripts(t *testing.T) {
	dir := filepath.Join(testutil.Root(), "testdata", "transcripts")
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Fatalf("%d transcripts in %s, want at least 40", len(files), dir)
	}
	tmp := t.TempDir()
	t.Chdir(testutil.Root())
	t.Setenv("TESSERA_TEST_CACHE", filepath.Join(tmp, "cache"))
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, want := filepath.Base(path), string(data)
		line, _, _ := strings.Cut(want, "\n")
		args, err := words(strings.ReplaceAll(line, "$TMP", tmp))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out, errs, code := app(t, args...)
		got := fmt.Sprintf("%s\n%s--- standard error\n%s--- exit code %d\n", line, ended(normal(out, tmp)), ended(normal(errs, tmp)), code)
		if got == want {
			continue
		}
		if *updateTranscripts {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("%s: %s\nprints otherwise (-update-transcripts rewrites the file; say why in the commit):\n%s", name, line, difference(want, got))
	}
}

// words splits a transcript's first line, "$ tessera COMMAND ...", into
// arguments; quotes are double ones.
func words(line string) ([]string, error) {
	rest, ok := strings.CutPrefix(line, "$ tessera")
	if !ok {
		return nil, fmt.Errorf("the first line is %q, want $ tessera COMMAND", line)
	}
	var args []string
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '"' {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, err
			}
			s, err := strconv.Unquote(q)
			if err != nil {
				return nil, err
			}
			args, rest = append(args, s), rest[len(q):]
			continue
		}
		word, tail, _ := strings.Cut(rest, " ")
		args, rest = append(args, word), tail
	}
	return args, nil
}

// volatile lists what differs from run to run and machine to machine.
var volatile = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`\b\d+(\.\d+)? tokens/s`), "N tokens/s"},
	{regexp.MustCompile(`\b\d+(\.\d+)? ?[kKMG]i?B/s`), "N B/s"},
	{regexp.MustCompile(`\b\d+(\.\d+)? ?(ns|µs|ms|s|seconds)\b`), "T"},
	{regexp.MustCompile(`("(seconds|[a-z]+_seconds|ns)":\s*)[0-9.e+-]+`), "${1}N"},
	// What the cpu takes depends on its tier and on the number of cores.
	{regexp.MustCompile(`(?m)^(memory      at most, with )\d+( threads)`), "${1}N${2}"},
	{regexp.MustCompile(`(?m)^(  (activations|scratch|sum)) .*$`), "${1} N"},
	{regexp.MustCompile(`("(arena|scratch|sum)":\s*)\d+`), "${1}N"},
	{regexp.MustCompile(`(?m)^(   )?(dev|v\d+\.\d+\S*)$`), "${1}VERSION"},
}

// normal replaces what is volatile in a command's output.
func normal(text, tmp string) string {
	text = strings.ReplaceAll(text, tmp, "$TMP")
	text = strings.ReplaceAll(text, testutil.Root(), "$ROOT")
	for _, v := range volatile {
		text = v.find.ReplaceAllString(text, v.put)
	}
	return text
}

// ended is text with an end of line behind its last line.
func ended(text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// difference shows where two texts part, with the lines before.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < min(len(w), len(g)) && w[i] == g[i] {
		i++
	}
	part := func(x []string) string { return strings.Join(x[max(0, i-2):min(len(x), i+8)], "\n") }
	return fmt.Sprintf("line %d\nwant:\n%s\ngot:\n%s", i+1, part(w), part(g))
}
