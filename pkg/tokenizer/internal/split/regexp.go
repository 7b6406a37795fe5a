package split

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one search: a pattern from a checkpoint may backtrack
// without end.
const matchTimeout = 2 * time.Second

// maxPattern bounds the text of a pattern, maxClasses the classes in it, each
// of which becomes a long list of ranges.
const (
	maxPattern = 4096
	maxClasses = 64
)

// Regexp compiles a pattern that has no scanner. The engine reads most of the
// syntax as Oniguruma does, which the tokenizers package uses; what it would
// read otherwise is refused by name.
func Regexp(pattern string) (Finder, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("split pattern of %d bytes, at most %d are read", len(pattern), maxPattern)
	}
	if err := portable(pattern); err != nil {
		return nil, fmt.Errorf("split pattern %q: %w", clip(pattern), err)
	}
	re, err := compile(modern(pattern))
	if err != nil {
		return nil, fmt.Errorf("split pattern %q: %w", clip(pattern), err)
	}
	re.MatchTimeout = matchTimeout
	return &regexpFinder{re, pattern}, nil
}

// compile turns a panic of the regular expression parser into an error.
func compile(pattern string) (re *regexp2.Regexp, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not understood: %v", p)
		}
	}()
	// ^ and $ match at lines, as in Oniguruma's default syntax.
	return regexp2.Compile(pattern, regexp2.Multiline)
}

func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}

// portable refuses what the two engines understand differently.
func portable(p string) error {
	if !utf8.ValidString(p) {
		return fmt.Errorf("not UTF-8")
	}
	depth := 0 // inside [ ]
	classes := 0
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			if i++; i == len(p) {
				return fmt.Errorf("ends with a backslash")
			}
			e := p[i]
			if strings.ContainsRune("pPdDwWb", rune(e)) {
				if classes++; classes > maxClasses {
					return fmt.Errorf("more than %d character classes", maxClasses)
				}
			}
			if e == 'p' || e == 'P' {
				end := strings.IndexByte(p[i:], '}')
				if i+1 >= len(p) || p[i+1] != '{' || end < 0 {
					return fmt.Errorf("\\%c without {name}", e)
				}
				if name := p[i+2 : i+end]; !categories[name] {
					return fmt.Errorf("unknown property \\%c{%s}", e, name)
				}
				if e == 'P' && depth > 0 {
					return fmt.Errorf("\\P in a set is not supported")
				}
				i += end
				continue
			}
			if depth > 0 && (e == 'D' || e == 'W') {
				return fmt.Errorf("\\%c in a set is not supported", e)
			}
			if !isASCIIPunct(e) && !strings.ContainsRune("sSdDwWnrtfvb", rune(e)) {
				return fmt.Errorf("escape \\%c is not supported", e)
			}
			if e == 'b' && depth > 0 {
				return fmt.Errorf("\\b in a set is not supported")
			}
		case depth > 0 && c == '[':
			return fmt.Errorf("nested sets and [:class:] are not supported")
		case depth > 0 && c == '&' && strings.HasPrefix(p[i:], "&&"):
			return fmt.Errorf("set intersection && is not supported")
		case depth == 0 && c == '[':
			depth = 1
		case depth > 0 && c == ']':
			depth = 0
		case depth == 0 && c == '(' && strings.HasPrefix(p[i:], "(?"):
			if !hasAnyPrefix(p[i+2:], ":", "=", "!", "i:", "<=", "<!", ">") {
				return fmt.Errorf("group %q is not supported", clip(p[i:min(len(p), i+8)]))
			}
		case depth == 0 && (c == '+' || c == '*') && i > 0 && (p[i-1] == '+' || p[i-1] == '*' || p[i-1] == '?') && (i < 2 || p[i-2] != '\\'):
			return fmt.Errorf("possessive quantifier %q is not supported", p[i-1:i+1])
		}
	}
	return nil
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

var categories = func() map[string]bool {
	m := map[string]bool{}
	for _, c := range strings.Fields("L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co") {
		m[c] = true
	}
	return m
}()

// regexpFinder searches with the engine, which works on runes.
type regexpFinder struct {
	re      *regexp2.Regexp
	pattern string
}

// Each implements Finder.
func (f *regexpFinder) Each(s string, found func(start, end int)) error {
	text := []rune(s)
	m, err := f.re.FindRunesMatch(text)
	at, bytes := 0, 0 // the same place in runes and in bytes
	advance := func(to int) int {
		for ; at < to; at++ {
			bytes += utf8.RuneLen(text[at])
		}
		return bytes
	}
	for ; m != nil && err == nil; m, err = f.re.FindNextMatch(m) {
		from := advance(m.Index)
		found(from, advance(m.Index+m.Length))
	}
	if err != nil {
		return fmt.Errorf("split pattern %q: %w", clip(f.pattern), err)
	}
	return nil
}
