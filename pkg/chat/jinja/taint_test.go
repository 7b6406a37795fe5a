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

// show renders with untrusted text between ⟦ and ⟧.
func show(t *testing.T, src string, vars *Map) string {
	t.Helper()
	tmpl, err := Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	spans, err := tmpl.Render(context.Background(), vars, Options{Now: testNow})
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	var b strings.Builder
	for _, s := range spans {
		if s.Trusted {
			b.WriteString(s.Text)
		} else {
			b.WriteString("⟦" + s.Text + "⟧")
		}
	}
	return b.String()
}

func TestTaint(t *testing.T) {
	vars := Pairs("u", "uvw", "sp", " a b ", "t", Trusted("TT"), "m", Pairs("role", "user", "n", 5), "l", []any{"x", Trusted("y")},
		"h", "<a&b>", "ml", "p\nq", "num", "42", "up", "Straße")
	for _, c := range [][2]string{
		{"a{{ u }}b{{ t }}", "a⟦uvw⟧bTT"},
		{"{{ 'x' + u + 'y' }}", "x⟦uvw⟧y"},
		{"{{ 'x' ~ u ~ t }}", "x⟦uvw⟧TT"},
		{"{{ ('x' + u + 'y')[1:3] }}", "⟦uv⟧"},
		{"{{ ('x' + u + 'y')[::-1] }}", "y⟦wvu⟧x"},
		{"{{ ('x' + u)[0] }}{{ ('x' + u)[1] }}", "x⟦u⟧"},
		{"{{ u * 2 }}{{ 'a' * 2 }}", "⟦uvwuvw⟧aa"},
		{"{{ ('-' + u + '-').replace('v', '<v>') }}", "-⟦u⟧<v>⟦w⟧-"},
		{"{{ 'a-b'.replace('-', u) }}", "a⟦uvw⟧b"},
		{"{{ 'a-b'|replace('-', u) }}", "a⟦uvw⟧b"},
		{"{{ u|upper }}{{ 'x'|upper }}", "⟦UVW⟧X"},
		{"{{ ('[' ~ up ~ ']')|upper }}", "[⟦STRASSE⟧]"},
		{"{{ ('a' ~ sp ~ 'b').split() }}", "['a', '⟦a⟧', '⟦b⟧', 'b']"},
		{"{{ sp.strip() ~ '.' }}", "⟦a b⟧."},
		{"{{ sp|trim|title }}", "⟦A B⟧"},
		{"{{ ['a', u, t]|join('/') }}", "a/⟦uvw⟧/TT"},
		{"{{ ['a', 'b']|join(u) }}", "a⟦uvw⟧b"},
		{"{{ u.join(['a', 'b']) }}", "a⟦uvw⟧b"},
		{"{{ u|tojson }}", "\"⟦uvw⟧\""},
		{"{{ {'k': u, u: 1}|tojson }}", "{\"k\": \"⟦uvw⟧\", \"⟦uvw⟧\": 1}"},
		{"{{ ml|tojson }}", "\"⟦p\\nq⟧\""},
		{"{{ [u, 'a'] }}", "['⟦uvw⟧', 'a']"},
		{"{{ m }}", "{'⟦role⟧': '⟦user⟧', '⟦n⟧': 5}"},
		{"{{ m.role == 'user' }}{{ m['role'] }}", "True⟦user⟧"},
		{"{{ {'user': 'U'}[m.role] }}", "U"},
		{"{% for k in m %}{{ k }}{% endfor %}", "⟦rolen⟧"},
		{"{% for c in 'a' ~ u %}{{ c }}.{% endfor %}", "a.⟦u⟧.⟦v⟧.⟦w⟧."},
		{"{{ l|first }}{{ l|last }}{{ l[0] }}", "⟦x⟧y⟦x⟧"},
		{"{{ '%s=%s' % ('a', u) }}", "a=⟦uvw⟧"},
		{"{{ '%5s|%-5s|' % (u, u) }}", "  ⟦uvw⟧|⟦uvw⟧  |"},
		{"{{ u % () }}", "⟦uvw⟧"},
		{"{{ '{} {x:>5}'.format(u, x=u) }}", "⟦uvw⟧   ⟦uvw⟧"},
		{"{{ '{0!r}'.format(u) }}", "'⟦uvw⟧'"},
		{"{{ '%s'|format(u) }}", "⟦uvw⟧"},
		{"{{ h|e }}", "⟦&lt;a&amp;b&gt;⟧"},
		{"{{ (h|safe) + h }}", "⟦<a&b>&lt;a&amp;b&gt;⟧"},
		{"{{ h|striptags }}{{ h|urlencode }}", "⟦%3Ca%26b%3E⟧"},
		{"{{ ('x\n' ~ ml)|indent(2) }}", "x\n  ⟦p⟧\n  ⟦q⟧"},
		{"{{ u|center(7) }}", "  ⟦uvw⟧  "},
		{"{{ u.ljust(5, '.') }}{{ 'a'.rjust(3, u[0]) }}", "⟦uvw⟧..⟦uu⟧a"},
		{"{{ (u ~ ' abc def ghi')|truncate(8, true, '..', 0) }}", "⟦uvw⟧ ab.."},
		{"{{ num|int + 1 }}", "43"},
		{"{{ u|length }}", "3"},
		{"{{ u.partition('v') }}", "('⟦u⟧', '⟦v⟧', '⟦w⟧')"},
		{"{{ u|list }}{{ u|reverse }}", "['⟦u⟧', '⟦v⟧', '⟦w⟧']⟦wvu⟧"},
		{"{% set x = u %}{{ x }}", "⟦uvw⟧"},
		{"{% set x %}<{{ u }}>{% endset %}{{ x }}", "<⟦uvw⟧>"},
		{"{% set ns = namespace(a='') %}{% for x in l %}{% set ns.a = ns.a ~ x %}{% endfor %}{{ ns.a }}", "⟦x⟧y"},
		{"{% macro f(a, b='!') %}<{{ a }}{{ b }}>{% endmacro %}{{ f(u) }}", "<⟦uvw⟧!>"},
		{"{% macro f() %}({{ caller() }}){% endmacro %}{% call f() %}x{{ u }}{% endcall %}", "(x⟦uvw⟧)"},
		{"{% filter upper %}a{{ u }}{% endfilter %}", "A⟦UVW⟧"},
		{"{% generation %}a{{ u }}{% endgeneration %}", "a⟦uvw⟧"},
		{"{{ u|default('d') }}{{ zz|default(u) }}{{ '' or u }}{{ u if u else 'a' }}", "⟦uvwuvwuvwuvw⟧"},
		{"{{ l|map('upper')|join }}{{ l|sort|join }}{{ l|unique|join }}", "⟦X⟧Y⟦x⟧y⟦x⟧y"},
		{"{{ [{'a': u}]|map(attribute='a')|join }}", "⟦uvw⟧"},
		{"{{ (u ~ 'z').upper().lower().title().swapcase().capitalize() }}", "⟦Uvw⟧z"},
		{"{{ 'az'.strip(u) }}", "az"},
		{"{{ strftime_now(u) }}{{ strftime_now('%Y') }}", "⟦uvw⟧2026"},
		{"{{ (u ~ '\t.').expandtabs(4) }}", "⟦uvw⟧ ."},
		{"{{ '5'.zfill(3) }}{{ num.zfill(4) }}", "00500⟦42⟧"},
		{"{{ u.removeprefix('u') }}{{ ('a' ~ u).removeprefix('a') }}", "⟦vwuvw⟧"},
		{"{{ ('<|im_' ~ 'end|>') }}{{ '<|im_' ~ u ~ '|>' }}", "<|im_end|><|im_⟦uvw⟧|>"},
	} {
		if got := show(t, c[0], vars); got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

// hide maps the letters of a text to private-use characters, so that no text of a template looks like them.
func hide(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Map(func(r rune) rune { return 0xE000 + r%0x1000 }, v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = hide(v[i])
		}
		return out
	case *Map:
		out := &Map{}
		for k, x := range v.All() {
			out.Set(k, hide(x))
		}
		return out
	}
	return v
}

// TestNoTaintLost renders all differential cases with untrusted variables of private-use characters: every
// such character in the output must be marked.
func TestNoTaintLost(t *testing.T) {
	files, _ := filepath.Glob("../testdata/cases/*.jsonl")
	rendered, marked := 0, 0
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<24)
		sc.Scan()
		var vars Map
		if err := json.Unmarshal(sc.Bytes(), &vars); err != nil {
			t.Fatal(err)
		}
		hidden := hide(&vars).(*Map)
		for sc.Scan() {
			var row []*string
			if err := json.Unmarshal(sc.Bytes(), &row); err != nil {
				t.Fatal(err)
			}
			tmpl, err := Parse(*row[0])
			if err != nil {
				continue
			}
			spans, err := tmpl.Render(context.Background(), hidden, Options{Now: testNow})
			if err != nil {
				continue
			}
			rendered++
			for _, s := range spans {
				if !s.Trusted {
					marked++
				} else if strings.ContainsFunc(s.Text, func(r rune) bool { return r >= 0xE000 && r < 0xF000 }) {
					t.Errorf("%q: trusted text %q comes from a variable", *row[0], s.Text)
				}
			}
		}
		f.Close()
	}
	if rendered < 2000 || marked < 500 {
		t.Errorf("only %d templates rendered, %d marked spans", rendered, marked)
	}
}
