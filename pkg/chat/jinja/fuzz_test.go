package jinja

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzRender parses and renders anything: no panic, and nothing beyond the limits. The text must not depend on
// trust: marked and unmarked variables render alike.
func FuzzRender(f *testing.F) {
	files, _ := filepath.Glob("../testdata/cases/*.jsonl")
	for _, path := range files {
		fh, err := os.Open(path)
		if err != nil {
			f.Fatal(err)
		}
		sc := bufio.NewScanner(fh)
		sc.Buffer(nil, 1<<24)
		sc.Scan()
		vars := sc.Text()
		for i := 0; sc.Scan(); i++ {
			if i%40 != 0 {
				continue
			}
			var row []*string
			if json.Unmarshal(sc.Bytes(), &row) == nil {
				f.Add(*row[0], vars)
			}
		}
		fh.Close()
	}
	for _, b := range bombs {
		f.Add(b.src, "{}")
	}
	f.Add("{{ messages[0]['content'] }}", `{"messages":[{"role":"user","content":"\ud800\u0000\u00ff"}]}`)
	lim := Limits{Steps: 50_000, Bytes: 1 << 20, Output: 1 << 18, Depth: 500, Calls: 20, Time: 24 * time.Hour}
	f.Fuzz(func(t *testing.T, src, vars string) {
		if len(src) > 1<<14 || len(vars) > 1<<14 {
			return
		}
		tmpl, err := Parse(src)
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		v, err := DecodeJSON([]byte(vars))
		if err != nil {
			return
		}
		m, ok := v.(*Map)
		if !ok {
			return
		}
		spans, err := tmpl.Render(context.Background(), m, Options{Now: testNow, Limits: lim})
		plain, err2 := tmpl.render(context.Background(), trusted(m).(*Map), Options{Now: testNow, Limits: lim})
		if (err == nil) != (err2 == nil) {
			t.Fatalf("marked: %v, unmarked: %v", err, err2)
		}
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Kind == "" {
				t.Fatalf("error %T %v", err, err)
			}
			return
		}
		all := ""
		for i, s := range spans {
			if s.Text == "" || i > 0 && spans[i-1].Trusted == s.Trusted {
				t.Fatalf("spans are not maximal: %v", spans)
			}
			all += s.Text
		}
		if all != plain.s {
			t.Fatalf("marked %q, unmarked %q", all, plain.s)
		}
		if plain.tainted() {
			keys := false
			for range m.All() {
				keys = true // keys of maps are always untrusted
			}
			if !keys {
				t.Fatalf("untrusted text out of nothing: %q", plain.s)
			}
		}
	})
}

// trusted makes every string of an input trusted.
func trusted(v any) any {
	switch v := v.(type) {
	case string:
		return Trusted(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = trusted(v[i])
		}
		return out
	case *Map:
		out := &Map{}
		for k, x := range v.All() {
			out.Set(k, trusted(x))
		}
		return out
	}
	return v
}
