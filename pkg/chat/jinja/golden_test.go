package jinja

import (
	"context"
	"encoding/json"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/testutil"
)

var testNow = func() time.Time { return time.Date(2026, 7, 26, 0, 0, 0, 0, time.UTC) }

// TestExpectedTemplates renders the templates of real models with exactly the variables jinja2 had: the same bytes,
// or the same error in the same words.
func TestExpectedTemplates(t *testing.T) {
	data, err := os.ReadFile(testutil.SharedData(t, "templates/expected.json"))
	if err != nil {
		t.Fatal(err)
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
		src, err := os.ReadFile(testutil.SharedData(t, "templates/"+file))
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
