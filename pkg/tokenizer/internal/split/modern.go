package split

import (
	"strings"
	"sync"
	"unicode"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// The regular expression engine classifies characters by Go's tables, which
// are older than those of the tokenizers package. modern rewrites the classes
// of a pattern that portable has passed so that both agree: \p{L} gets the
// letters that Go does not know, \w and \b are spelt out.

// newer lists, for a property, the ranges of characters that have it in the
// table of uclass and not in Go's.
var newer = sync.OnceValue(func() map[string]string {
	byName := map[string]struct {
		c  uclass.Class
		is *unicode.RangeTable
	}{
		"L": {uclass.L, unicode.L}, "Lu": {uclass.Lu, unicode.Lu}, "Ll": {uclass.Ll, unicode.Ll}, "Lt": {uclass.Lt, unicode.Lt},
		"Lm": {uclass.Lm, unicode.Lm}, "Lo": {uclass.Lo, unicode.Lo}, "M": {uclass.M, unicode.M}, "N": {uclass.N, unicode.N},
		"P": {uclass.P, unicode.P}, "S": {uclass.S, unicode.S},
	}
	out := map[string]string{}
	for name, x := range byName {
		out[name] = rangesOf(func(r rune, c uclass.Class) bool { return c&x.c != 0 && !unicode.Is(x.is, r) })
	}
	out["Nd"] = out["N"] // all new numbers are decimal digits
	out["w"] = rangesOf(func(_ rune, c uclass.Class) bool { return c&uclass.RegexWord != 0 })
	return out
})

// rangesOf writes the code points that f picks as the inside of a set.
func rangesOf(f func(rune, uclass.Class) bool) string {
	var b strings.Builder
	tab := uclass.Get()
	start := rune(-1)
	for r := rune(0); r <= unicode.MaxRune+1; r++ {
		if r >= 0xD800 && r <= 0xDFFF {
			continue
		}
		in := r <= unicode.MaxRune && f(r, tab.Of(r))
		switch {
		case in && start < 0:
			start = r
		case !in && start >= 0:
			b.WriteRune(start)
			if last := r - 1; last > start {
				b.WriteByte('-')
				b.WriteRune(last)
			}
			start = -1
		}
	}
	return b.String()
}

func modern(p string) string {
	var b strings.Builder
	set := false
	for i := 0; i < len(p); i++ {
		c := p[i]
		if c == '[' && !set {
			set = true
		} else if c == ']' && set {
			set = false
		}
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		i++
		var inside string
		negated := false
		switch e := p[i]; e {
		case 'p', 'P':
			end := i + strings.IndexByte(p[i:], '}')
			inside = `\p` + p[i+1:end+1] + newer()[p[i+2:end]]
			negated = e == 'P'
			i = end
		case 'd', 'D':
			inside = `\d` + newer()["Nd"]
			negated = e == 'D'
		case 'w', 'W':
			inside = newer()["w"]
			negated = e == 'W'
		case 'b':
			w := "[" + newer()["w"] + "]"
			b.WriteString("(?:(?<=" + w + ")(?!" + w + ")|(?<!" + w + ")(?=" + w + "))")
			continue
		default:
			b.WriteString(p[i-1 : i+1])
			continue
		}
		switch {
		case set:
			b.WriteString(inside) // portable refuses negated classes in sets
		case negated:
			b.WriteString("[^" + inside + "]")
		default:
			b.WriteString("[" + inside + "]")
		}
	}
	return b.String()
}
