package jinja

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

var testNow = func() time.Time { return time.Date(2026, 7, 26, 0, 0, 0, 0, time.UTC) }

func TestExpectedTemplates(t *testing.T) {
	dir := os.Getenv("TESSERA_SHARED")
	if dir == "" {
		dir = "../../../../shared"
	}
	dir = filepath.Join(dir, "data", "templates")
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Skipf("shared data is absent: %v", err)
	}
	var exp struct {
		Cases    map[string]*Map
		Expected map[string]struct {
			OK  bool
			Out string
		}
	}
	if err := json.Unmarshal(data, &exp); err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for k := range exp.Expected {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		want := exp.Expected[k]
		file, name, _ := strings.Cut(k, "/")
		src, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		tmpl, err := Parse(string(src))
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		got, err := tmpl.render(context.Background(), exp.Cases[name], Options{Now: testNow})
		if !want.OK {
			if err == nil {
				t.Errorf("%s: rendered, want %s", k, want.Out)
			} else if e := err.(*Error); e.Kind+": "+e.Msg != want.Out {
				t.Errorf("%s: error %s: %s, want %s", k, e.Kind, e.Msg, want.Out)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", k, err)
		} else if got.s != want.Out {
			t.Errorf("%s: got\n%q\nwant\n%q", k, got.s, want.Out)
		}
	}
}
