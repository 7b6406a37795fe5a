package jinja

import (
	"context"
	"errors"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// bombs are templates that would take unbounded time or memory; each must fail at a limit.
var bombs = []struct{ name, src string }{
	{"repeat", "{{ 'a' * 10000000000 }}"},
	{"repeat list", "{{ ([0] * 1000000000)|length }}"},
	{"repeat tuple overflow", "{{ (1, 2) * 9223372036854775807 }}"},
	{"doubling", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}"},
	{"doubling list", "{% set ns = namespace(s=[1, 2]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}"},
	{"tilde", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}"},
	{"shared list", "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}"},
	{"shared dict json", "{% set ns = namespace(s={'a': 1}) %}{% for i in range(99) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s|tojson }}"},
	{"shared compare", "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(99) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}"},
	{"deep list", "{% set ns = namespace(s=[1]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}"},
	{"deep json", "{% set ns = namespace(s=[1]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s|tojson }}"},
	{"deep compare", "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}{% set ns.b = [ns.b] %}{% endfor %}{{ ns.a == ns.b }}"},
	{"deep order", "{% set ns = namespace(a=[1], b=[2]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}{% set ns.b = [ns.b] %}{% endfor %}{{ ns.a < ns.b }}"},
	{"deep hash", "{% set ns = namespace(a=(1,)) %}{% for i in range(9999) %}{% set ns.a = (ns.a,) %}{% endfor %}{{ {ns.a: 1} }}"},
	{"deep lazy", "{% set ns = namespace(a=[1, 2]) %}{% for i in range(99999) %}{% set ns.a = ns.a|map('string') %}{% endfor %}{{ ns.a|list }}"},
	{"namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}"},
	{"recursion", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"},
	{"recursion through default", "{% macro m(x=m()) %}{{ x }}{% endmacro %}{{ m() }}"},
	{"mutual recursion", "{% macro a() %}{% call b() %}{% endcall %}{% endmacro %}{% macro b() %}{{ a() }}{{ caller() }}{% endmacro %}{{ a() }}"},
	{"exponential recursion", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(150) }}"},
	{"recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"},
	{"nested loops", "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"},
	{"nested loops of text", "{% for a in range(100000) %}{% for b in range(100000) %}xxxxxxxxxxxxxxxx{% endfor %}{% endfor %}"},
	{"range", "{{ range(10000000000)|list }}"},
	{"range sum", "{% for a in range(100000) %}{{ range(100000)|sum }}{% endfor %}"},
	{"batch fill", "{{ [1]|batch(100000000000, 'x')|list }}"},
	{"slices", "{{ [1]|slice(100000000000)|list }}"},
	{"center", "{{ 'a'|center(100000000000) }}"},
	{"ljust", "{{ 'a'.ljust(100000000000) }}"},
	{"zfill", "{{ 'a'.zfill(100000000000) }}"},
	{"expandtabs", "{{ ('\t' * 1000).expandtabs(1000000000) }}"},
	{"indent", "{{ ('\n' * 1000000)|indent(1000000, true, true) }}"},
	{"indent width", "{{ 'a'|indent(100000000000) }}"},
	{"json indent", "{{ [[[[1]]]]|tojson(indent=1000000000) }}"},
	{"json indent text", "{% set s = 'x' * 1000000 %}{{ range(1000)|list|tojson(indent=s) }}"},
	{"json separators", "{% set s = 'x' * 1000000 %}{{ range(1000)|list|tojson(separators=(s, s)) }}"},
	{"format width", "{{ '{:1000000000}'.format(1) }}"},
	{"format precision", "{{ '{:.1000000000f}'.format(1.5) }}"},
	{"format nested", "{{ '{:{}}'.format(1, 1000000000) }}"},
	{"percent width", "{{ '%1000000000d' % 1 }}"},
	{"percent star", "{{ '%*d' % (1000000000, 1) }}"},
	{"percent precision", "{{ '%.1000000000f' % 1 }}"},
	{"power", "{{ 10 ** 1000000000 }}"},
	{"power of power", "{{ 2" + strings.Repeat(" ** 2", 40) + " }}"},
	{"products", "{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}"},
	{"replace", "{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}"},
	{"replace empty", "{% set s = 'a' * 100000 %}{{ s.replace('', s) }}"},
	{"join", "{% set s = 'a' * 100000 %}{{ s.join(s) }}"},
	{"join filter", "{% set s = 'a' * 100000 %}{{ s|join(s) }}"},
	{"escape", "{% set ns = namespace(s='&' * 1000) %}{% for i in range(99) %}{% set ns.s = ns.s|forceescape|string ~ '' %}{% endfor %}{{ ns.s }}"},
	{"urlencode", "{% set ns = namespace(s='%' * 1000) %}{% for i in range(99) %}{% set ns.s = ns.s|urlencode %}{% endfor %}{{ ns.s }}"},
	{"nested quotes", "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s|tojson|tojson %}{% endfor %}{{ ns.s }}"},
	{"strftime", "{{ strftime_now('%999d' * 10000000) }}"},
	{"set block", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}{{ ns.s }}"},
	{"kwargs", "{% set d = namespace(d={}) %}{% for i in range(100000) %}{% set d.d = dict(d.d, **{i|string: i}) %}{% endfor %}"},
	{"sort", "{% for a in range(100000) %}{{ range(100000)|sort|length }}{% endfor %}"},
	{"loop length", "{% for a in range(100000) %}{% for x in range(100000)|map('string') %}{{ loop.length }}{% break %}{% endfor %}{% endfor %}"},
	{"search", "{% set s = 'a' * 1000000 %}{% for a in range(100000) %}{{ 'b' in s }}{% endfor %}"},
	{"length", "{% set s = 'é' * 1000000 %}{% for a in range(100000) %}{{ s|length }}{% endfor %}"},
	{"index", "{% set s = 'é' * 1000000 %}{% for a in range(100000) %}{{ s[999999] }}{% endfor %}"},
	{"plain output", "{% for a in range(100000) %}{% for a in range(1000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}"},
}

// testLimits count; the clock, which depends on the machine, never ends a rendering.
var testLimits = Limits{Steps: 500_000, Bytes: 8 << 20, Output: 1 << 20, Time: 24 * time.Hour}

func TestBombs(t *testing.T) {
	for _, b := range bombs {
		t.Run(b.name, func(t *testing.T) {
			tmpl, err := Parse(b.src)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = tmpl.Render(context.Background(), &Map{}, Options{Now: testNow, Limits: testLimits})
			runtime.ReadMemStats(&after)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("rendered (%v), want an error", err)
			}
			switch e.Kind {
			case KindLimit, KindRecursion, KindOverflow, KindValue:
			default:
				t.Errorf("error %v, want one of a limit", err)
			}
			// What is allocated in total bounds what is alive: accounted bytes, some garbage
			// of building, boxes of values.
			if got := after.TotalAlloc - before.TotalAlloc; got > 1<<30 {
				t.Errorf("allocated %d MiB in total", got>>20)
			}
		})
	}
}

var rep = strings.Repeat

// tooMuch returns templates that are refused when they are parsed.
func tooMuch() map[string]string {
	return map[string]string{
		"source":           rep(" ", maxSource+1),
		"parentheses":      "{{ " + rep("(", 100000) + " }}",
		"lists":            "{{ " + rep("[", 100000) + " }}",
		"dicts":            "{{ " + rep("{1:", 100000) + " }}",
		"subscripts":       "{{ a" + rep("[a", 100000) + " }}",
		"calls":            "{{ a" + rep("(a", 100000) + " }}",
		"not":              "{{ " + rep("not ", 100000) + "a }}",
		"minus":            "{{ " + rep("-", 100000) + "1 }}",
		"ternaries":        "{{ " + rep("a if b else ", 50000) + "c }}",
		"conditions":       "{{ a" + rep(" if b", 50000) + " }}",
		"sums":             "{{ 1" + rep("+1", 100000) + " }}",
		"products":         "{{ 1" + rep("*1", 100000) + " }}",
		"or":               "{{ 1" + rep(" or 1", 100000) + " }}",
		"comparisons":      "{{ 1" + rep("<1", 100000) + " }}",
		"filters":          "{{ a" + rep("|e", 100000) + " }}",
		"tests":            "{{ a" + rep(" is defined() ", 50000) + " }}",
		"attributes":       "{{ a" + rep(".a", 100000) + " }}",
		"chained calls":    "{{ a" + rep("()", 100000) + " }}",
		"ifs":              rep("{% if a %}", 10000),
		"fors":             rep("{% for a in b %}", 10000),
		"macros":           rep("{% macro m() %}", 10000),
		"set blocks":       rep("{% set a %}", 10000),
		"filter arguments": "{{ " + rep("a|e(", 50000) + " }}",
		"targets":          "{% for " + rep("(", 50000) + "a in b %}{% endfor %}",
		"number":           "{{ " + rep("9", 5000) + " }}",
	}
}

func TestParseLimits(t *testing.T) {
	for name, src := range tooMuch() {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(src); err == nil {
				t.Error("parsed")
			}
		})
	}
}

// crowded returns large templates whose scopes are full or whose tokens invite to search the rest again and again.
func crowded() map[string]string {
	var sets strings.Builder
	for i := range 20000 {
		sets.WriteString("{% set a" + big.NewInt(int64(i)).String() + " = 1 %}")
	}
	return map[string]string{
		"names and ifs":   sets.String() + rep("{% if a1 %}{% set b = 1 %}{% endif %}", 10000),
		"elifs":           "{% if a %}" + rep("{% elif b %}{% set c = 1 %}", 30000) + "{% endif %}",
		"nested loops":    rep("{% for a in b %}", 90) + sets.String() + rep("{% endfor %}", 90),
		"nested macros":   rep("{% macro m() %}", 90) + sets.String() + rep("{% endmacro %}", 90),
		"wide":            rep("{{ a.b.c|e ~ d[1] }}", 40000),
		"open raw":        "{% raw %}" + rep("{% endra ", 100000),
		"comments":        rep("{# x #}", 100000),
		"blank":           rep("{%- if a -%}   \n", 90) + rep(" ", 500000) + rep("{% endif %}", 90),
		"implicit concat": "{{ " + rep("'ab' ", 100000) + " }}",
	}
}

// TestParseCost: parsing executes a bounded number of statements per byte of the template, whatever stands in it.
// One that looked at all before it would execute 20,000 for each.
func TestParseCost(t *testing.T) {
	work := testutil.Work(t, "TestParseOnly")
	most := 0.0
	for _, sources := range []map[string]string{tooMuch(), crowded()} {
		for name, src := range sources {
			perByte := float64(work(src)) / float64(len(src))
			if most = max(most, perByte); perByte > maxPerByte {
				t.Errorf("%s: %.1f statements per byte", name, perByte)
			}
		}
	}
	t.Logf("at most %.1f statements per byte", most)
}

// maxPerByte bounds the statements per byte of a template; three times what the worst one takes.
const maxPerByte = 500

// TestParseOnly is what TestParseCost counts. Whether a template is refused is the business of TestParseLimits.
func TestParseOnly(t *testing.T) {
	src := testutil.WorkInput(t)
	tmpl, err := Parse(src)
	if (tmpl == nil) != (err != nil) {
		t.Errorf("%v, %v", tmpl, err)
	}
}

func TestCancel(t *testing.T) {
	tmpl, err := Parse("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = tmpl.Render(ctx, &Map{}, Options{Limits: Limits{Steps: 1 << 50}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the context", err)
	}
	_, err = tmpl.Render(context.Background(), &Map{}, Options{Limits: Limits{Steps: 1 << 50, Time: 20 * time.Millisecond}})
	if e, ok := err.(*Error); !ok || e.Kind != KindLimit {
		t.Errorf("error %v, want a limit", err)
	}
}
