package jinja

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCases renders every template of testdata/cases: what jinja2 rendered must come out byte for byte, what
// raised there must fail with an error of the same kind. testdata/gen/cases.py writes the files.
// TESSERA_JINJA_CASES names one more file, for runs over many random templates.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("../testdata/cases/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	if extra := os.Getenv("TESSERA_JINJA_CASES"); extra != "" {
		files = append(files, extra)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".jsonl"), func(t *testing.T) { runCases(t, f) })
	}
}

func runCases(t *testing.T, path string) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<24)
	sc.Scan()
	var vars Map
	if err := json.Unmarshal(sc.Bytes(), &vars); err != nil {
		t.Fatal(err)
	}
	n, refused, words := 0, 0, 0
	for sc.Scan() {
		var row []*string
		if err := json.Unmarshal(sc.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		n++
		got, err := renderString(*row[0], &vars)
		if row[1] != nil {
			if err != nil {
				t.Errorf("%q\n got error %v\nwant %q", *row[0], err, *row[1])
			} else if got != *row[1] {
				t.Errorf("%q\n got %q\nwant %q", *row[0], got, *row[1])
			}
			continue
		}
		want := *row[2]
		if err == nil {
			t.Errorf("%q\n got %q\nwant error %s", *row[0], got, want)
			continue
		}
		e := err.(*Error)
		if e.Kind == KindUnsupported {
			refused++
			continue
		}
		kind, _, _ := strings.Cut(want, ":")
		if pyKind(kind) != e.Kind {
			t.Errorf("%q\n got error %v\nwant error %s", *row[0], err, want)
		} else if kind+": "+e.Msg != want {
			words++
			if os.Getenv("TESSERA_JINJA_WORDS") != "" {
				t.Logf("%q\n got %s\nwant %s", *row[0], e.Msg, want)
			}
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, %d errors worded differently, %d refused as outside the subset where Python fails too", n, words, refused)
}

// pyKind maps what the compiler of Python raises to what the parser here raises.
func pyKind(k string) string {
	if k == "SyntaxError" {
		return KindSyntax
	}
	return k
}

func renderString(src string, vars *Map) (string, error) {
	tmpl, err := Parse(src)
	if err != nil {
		return "", err
	}
	s, err := tmpl.render(context.Background(), vars, Options{Now: testNow})
	if err != nil {
		return "", err
	}
	return s.s, nil
}
