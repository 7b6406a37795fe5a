package split

import "github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"

// The parts from which the scanners are put together. Each returns the end of
// what it matches from s[i] on.

// while skips characters of class c.
func while(t *uclass.Table, s string, i int, c uclass.Class) int {
	for i < len(s) {
		b := s[i]
		if b < 0x80 {
			if t.ASCII[b]&c == 0 {
				return i
			}
			i++
			continue
		}
		k, n := t.At(s, i)
		if k&c == 0 {
			return i
		}
		i += n
	}
	return i
}

// until skips characters that are not of class c.
func until(t *uclass.Table, s string, i int, c uclass.Class) int {
	for i < len(s) {
		b := s[i]
		if b < 0x80 {
			if t.ASCII[b]&c != 0 {
				return i
			}
			i++
			continue
		}
		k, n := t.At(s, i)
		if k&c != 0 {
			return i
		}
		i += n
	}
	return i
}

// upTo skips at most max characters of class c; max 0 is no limit.
func upTo(t *uclass.Table, s string, i int, c uclass.Class, max int) int {
	if max == 0 {
		return while(t, s, i, c)
	}
	for ; max > 0 && i < len(s); max-- {
		k, n := t.At(s, i)
		if k&c == 0 {
			break
		}
		i += n
	}
	return i
}

// newlines skips \r and \n, and slashes if slash.
func newlines(s string, i int, slash bool) int {
	for i < len(s) && (s[i] == '\n' || s[i] == '\r' || slash && s[i] == '/') {
		i++
	}
	return i
}

// contraction matches 's 't 're 've 'm 'll 'd at s[i]; fold ignores case, as
// the regular expressions do it: U+017F is an s.
func contraction(s string, i int, fold bool) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return i
	}
	lower := func(k int) byte {
		if k >= len(s) {
			return 0
		}
		b := s[k]
		if fold && 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		return b
	}
	switch lower(i + 1) {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if lower(i+2) == 'e' {
			return i + 3
		}
	case 'l':
		if lower(i+2) == 'l' {
			return i + 3
		}
	case 0xC5:
		if fold && i+2 < len(s) && s[i+2] == 0xBF {
			return i + 3
		}
	}
	return i
}

// spaces matches \s+(?!\S)|\s+ where s[i] is white space and end is the end of
// the run: all of a run at the end of the text, else all but its last
// character, but at least one.
func spaces(s string, i, end int) int {
	if end == len(s) {
		return end
	}
	last := end - 1
	for s[last]&0xC0 == 0x80 {
		last--
	}
	if last > i {
		return last
	}
	return end
}

// lineSpaces matches \s*[\r\n]+|\s+(?!\S)|\s+ where s[i] is white space.
func lineSpaces(t *uclass.Table, s string, i int) int {
	if s[i] == ' ' && i+1 < len(s) && s[i+1] > ' ' && s[i+1] < 0x80 { // one blank before a word
		return i + 1
	}
	end := while(t, s, i, uclass.Space)
	for k := end; k > i; k-- {
		if s[k-1] == '\n' || s[k-1] == '\r' {
			return k
		}
	}
	return spaces(s, i, end)
}
