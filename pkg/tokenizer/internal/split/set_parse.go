package split

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// parseSet reads [set]+ or \s?[set]+ where the set lists characters and ranges
// only: no classes, no negation, no nesting.
func parseSet(p string) (set runes, space, ok bool) {
	p, space = strings.CutPrefix(p, `\s?`)
	body, found := strings.CutPrefix(p, "[")
	if !found {
		return nil, false, false
	}
	body, found = strings.CutSuffix(body, "]+")
	if !found || body == "" || body[0] == '^' || body[0] == ']' {
		return nil, false, false
	}
	for body != "" {
		lo, rest, ok := setRune(body)
		if !ok {
			return nil, false, false
		}
		hi := lo
		if len(rest) > 1 && rest[0] == '-' {
			if hi, rest, ok = setRune(rest[1:]); !ok || hi < lo {
				return nil, false, false
			}
		}
		set = append(set, [2]rune{lo, hi})
		body = rest
	}
	sort.Slice(set, func(i, j int) bool { return set[i][0] < set[j][0] })
	out := set[:1]
	for _, r := range set[1:] {
		if last := &out[len(out)-1]; r[0] <= last[1]+1 {
			last[1] = max(last[1], r[1])
		} else {
			out = append(out, r)
		}
	}
	return out, space, true
}

// setRune reads one character of a set.
func setRune(s string) (r rune, rest string, ok bool) {
	switch {
	case s[0] == '[' || s[0] == ']' || s[0] == '&' || s[0] == '-':
		return 0, s, false
	case s[0] == '\\':
		if len(s) < 2 {
			return 0, s, false
		}
		switch c := s[1]; {
		case c == 'n':
			return '\n', s[2:], true
		case c == 'r':
			return '\r', s[2:], true
		case c == 't':
			return '\t', s[2:], true
		case isASCIIPunct(c):
			return rune(c), s[2:], true
		}
		return 0, s, false
	}
	r, n := utf8.DecodeRuneInString(s)
	return r, s[n:], r != utf8.RuneError
}
