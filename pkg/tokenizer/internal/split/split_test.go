package split

import (
	"strings"
	"testing"
)

func words(t *testing.T, f Finder, text string, b Behavior, invert bool) string {
	t.Helper()
	spans, err := new(Applier).Apply(f, "xx"+text, Span{2, int32(len(text) + 2)}, b, invert, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range spans {
		out = append(out, ("xx" + text)[s.Start:s.End])
	}
	return strings.Join(out, "|")
}

// TestBehaviors: the examples in the documentation of the tokenizers package.
func TestBehaviors(t *testing.T) {
	const text = "the-final--countdown"
	for _, c := range []struct {
		b      Behavior
		invert bool
		want   string
	}{
		{Removed, false, "the|final|countdown"},
		{Isolated, false, "the|-|final|-|-|countdown"},
		{MergedWithPrevious, false, "the-|final-|-|countdown"},
		{MergedWithNext, false, "the|-final|-|-countdown"},
		{Contiguous, false, "the|-|final|--|countdown"},
		{Removed, true, "-|-|-"},
	} {
		if got := words(t, Literal("-"), text, c.b, c.invert); got != c.want {
			t.Errorf("%s invert %v: %s, want %s", c.b, c.invert, got, c.want)
		}
	}
	if got := words(t, Literal("-"), "-a-", MergedWithPrevious, false); got != "-|a-" {
		t.Errorf("match first: %s", got)
	}
	if got := words(t, Literal("-"), "-a-", MergedWithNext, false); got != "-a|-" {
		t.Errorf("match last: %s", got)
	}
}

func TestScanners(t *testing.T) {
	for _, c := range []struct {
		name       string
		s          Scanner
		text, want string
	}{
		{"gpt2", GPT2, "I'll  go, x's 12ab\n\n y \t", "I|'ll| | go|,| x|'s| 12|ab|\n\n| y| \t"},
		{"llama3", Llama3, "I'LL  go!\n\n 1234.x\t\n y  ", "I|'LL| | go|!\n\n| |123|4|.x|\t\n| y|  "},
		{"qwen2", Qwen2, "12 a\u0301b", "1|2| a|\u0301b"},
		{"qwen35", Qwen35, "a\u0301b !\u0301", "a\u0301b| !|\u0301"},
		{"o200k", O200k, "HelloWORLD'S a/b//\n fooBar \u0301A", "Hello|WORLD'S| a|/b|//\n| foo|Bar| \u0301|A"},
		{"tekken", Tekken, "HTTPServer's 12", "HTTPServer|'s| |1|2"},
		{"v3", DeepseekV3, "a.foo  b\x00c \x01\x02", "a|.foo| | b|\x00c| |\x01\x02"},
		{"end", EndSpaces, "a  \n b \n\n  c  ", "a|  |\n b| \n|\n  c|  "},
		{"letters", LLMLetters, "ab c1 дом", "ab| c|1| дом"},
	} {
		if got := words(t, Scan(c.s), c.text, Isolated, false); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRegexp(t *testing.T) {
	f, err := Regexp(`\p{L}+|\s+(?!\S)|\d{1,3}(?=(?:\d{3})*\b)`)
	if err != nil {
		t.Fatal(err)
	}
	if got := words(t, f, "дом 1234  x ", Isolated, false); got != "дом| |1|234| | |x| " {
		t.Errorf("%q", got)
	}
	for _, p := range []string{`[a&&b]`, `a++`, `\h`, `[[:alpha:]]`, `(?<n>a)`, `\p{Greek}`, `(`, `\`, `[\b]`, "\xff"} {
		if _, err := Regexp(p); err == nil {
			t.Errorf("%q: accepted", p)
		}
	}
	if f, err = Regexp(`(?=(\d{3})+(?!\d))`); err != nil {
		t.Fatal(err)
	}
	if got := words(t, f, "12345678", Isolated, false); got != "12|345|678" {
		t.Errorf("empty matches: %q", got)
	}
	if f, err = Regexp(`(a+)+$x`); err != nil {
		t.Fatal(err)
	}
}

func TestNamed(t *testing.T) {
	for _, p := range []string{"[\r\n]", `[\r\n]`, "[一-龥぀-ゟ゠-ヿ]+", `\s?[A-Za-zé]+`} {
		if _, ok := Named(p); !ok {
			t.Errorf("%q: no scanner", p)
		}
	}
	for _, p := range []string{"[^a]+", `[\p{L}]+`, "[a]", "[b-a]+", "[a-]+", "[]+", "[a]b]+"} {
		if _, ok := Named(p); ok {
			t.Errorf("%q: read as a set", p)
		}
	}
}
