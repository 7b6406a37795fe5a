package dialog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// feed pushes pieces and returns what came before the first match.
func feed(m *matcher, pieces []piece) (out string, found int) {
	var all []piece
	for _, p := range pieces {
		part, found := m.push(p)
		all = append(all, part...)
		if found >= 0 {
			return spell(all), found
		}
	}
	return spell(append(all, m.flush()...)), -1
}

func TestMatcher(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		pieces   string // separated by |
		out      string
		found    int
	}{
		{nil, "a|b", "ab", -1},
		{[]string{"stop"}, "go st|op now", "go ", 0},
		{[]string{"stop"}, "go st|ep", "go step", -1},
		{[]string{"stop"}, "s|s|t|o|p", "s", 0},
		{[]string{"aab"}, "a|a|a|a|b", "aa", 0},
		{[]string{"x", "yz"}, "ay|zx", "a", 1},
		{[]string{"b", "bc"}, "abc", "a", 1},
		{[]string{"\n\n"}, "a\n|b\n|\nc", "a\nb", 0},
		{[]string{"日本"}, "a日|本", "a", 0},
	} {
		var pieces []piece
		for _, s := range strings.Split(c.pieces, "|") {
			pieces = append(pieces, piece{text: s})
		}
		out, found := feed(&matcher{patterns: c.patterns}, pieces)
		if out != c.out || found != c.found {
			t.Errorf("%q in %q: %q, %d; want %q, %d", c.patterns, c.pieces, out, found, c.out, c.found)
		}
	}
}

// TestMatcherHoldsLittle: nothing is held that cannot be the start of a
// pattern, and everything that can.
func TestMatcherHoldsLittle(t *testing.T) {
	m := &matcher{patterns: []string{"</s>", "<br>"}}
	shown := ""
	for _, p := range []struct{ push, shown string }{{"a", "a"}, {"<", "a"}, {"/", "a"}, {"x", "a</x"}, {"<b", "a</x"}, {"<", "a</x<b"}} {
		out, _ := m.push(piece{text: p.push})
		if shown += spell(out); shown != p.shown {
			t.Errorf("after %q: %q, want %q", p.push, shown, p.shown)
		}
	}
}

// TestMatcherRandom: however a text is cut, what comes out is what stands
// before the first pattern that is complete.
func TestMatcherRandom(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		letters := func(n int) string {
			b := make([]byte, n)
			for i := range b {
				b[i] = "abc"[rng.IntN(3)]
			}
			return string(b)
		}
		text := letters(rng.IntN(30))
		patterns := []string{letters(1 + rng.IntN(4)), letters(1 + rng.IntN(6))}
		want, found := text, false
		for end := 1; end <= len(text) && !found; end++ {
			for _, p := range patterns {
				if strings.HasSuffix(text[:end], p) && (!found || end-len(p) < len(want)) {
					want, found = text[:end-len(p)], true
				}
			}
		}
		var pieces []piece
		for i := range len(text) {
			pieces = append(pieces, piece{text: text[i : i+1], control: rng.IntN(3) == 0})
		}
		got, _ := feed(&matcher{patterns: patterns}, pieces)
		if got != want {
			t.Fatalf("%q in %q: %q, want %q", patterns, text, got, want)
		}
	}
}

// shown runs an answer through a reasoner, cut after every n bytes where it is
// text; <|...|> and what is in extra are control tokens.
func shown(r *reasoner, answer string, n int) string {
	var all []section
	all = append(all, r.start()...)
	for len(answer) > 0 {
		if strings.HasPrefix(answer, "<|") {
			end := strings.Index(answer, ">") + 1
			all = append(all, r.push(piece{answer[:end], true})...)
			answer = answer[end:]
			continue
		}
		k := min(n, len(answer))
		if at := strings.Index(answer, "<|"); at > 0 {
			k = min(k, at)
		}
		all = append(all, r.push(piece{answer[:k], false})...)
		answer = answer[k:]
	}
	all = append(all, r.flush()...)
	var b strings.Builder
	last := Text
	for _, s := range all {
		if s.kind != last {
			fmt.Fprintf(&b, "{%d}", s.kind)
			last = s.kind
		}
		b.WriteString(s.text)
	}
	return b.String()
}

func TestReasoner(t *testing.T) {
	const oss = "<|channel|>analysis<|message|> <|channel|>commentary<|message|>"
	for _, c := range []struct{ name, template, prompt, answer, want string }{
		{"none", "", "", "just text", "just text"},
		{"think", "", "", "<think>\nhm\n</think>\n\nyes", "{2}<think>{1}\nhm\n{2}</think>{0}\n\nyes"},
		{"think behind blanks", "", "", "\n<think>hm</think>yes", "\n{2}<think>{1}hm{2}</think>{0}yes"},
		{"think in the text", "", "", "the tag <think> is", "the tag <think> is"},
		{"unfinished", "", "", "<think>hm", "{2}<think>{1}hm"},
		{"opened by the template", "", "<|im_start|>assistant\n<think>\n", "hm</think>yes", "{2}<think>\n{1}hm{2}</think>{0}yes"},
		{"closed by the template", "", "<think>\n\n</think>\n\n", "yes", "yes"},
		{"other marks", "[THINK]", "", "[THINK]hm[/THINK]yes", "{2}[THINK]{1}hm{2}[/THINK]{0}yes"},
		{"other marks unknown to the template", "", "", "[THINK]hm", "[THINK]hm"},
		{"control tokens are hidden", "", "", "a<|im_end|>b", "ab"},
		{"gpt-oss", oss, "", "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes<|return|>", "{2}<think>\n{1}hm{2}</think>\n\n{0}yes"},
		{"gpt-oss, no reasoning", oss, "", "<|channel|>final<|message|>yes<|return|>", "yes"},
		{"Gemma", `'<|channel>thought\n'`, "", "<|channel>thought\nhm<channel|>yes", "{2}<think>\n{1}hm{2}</think>\n\n{0}yes"},
	} {
		for _, n := range []int{1, 2, 5, 100} {
			if got := shown(newReasoner(c.template, c.prompt), c.answer, n); got != c.want {
				t.Errorf("%s, in pieces of %d: %q, want %q", c.name, n, got, c.want)
			}
		}
	}
}
