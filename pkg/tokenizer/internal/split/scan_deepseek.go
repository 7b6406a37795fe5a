package split

import (
	"sort"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// deepseekV3 is the last of the three patterns of DeepSeek V3:
//
//	[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
//	 ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func deepseekV3(t *uclass.Table, s string, i int) int {
	const letters, marks = uclass.L | uclass.M, uclass.P | uclass.S
	b := s[i]
	if isASCIIPunct(b) {
		e := i + 1
		for e < len(s) && (s[e]|0x20 >= 'a' && s[e]|0x20 <= 'z') {
			e++
		}
		if e > i+1 {
			return e
		}
	}
	k, n := t.At(s, i)
	if k&letters != 0 {
		return while(t, s, i+n, letters)
	}
	var next uclass.Class
	var m int
	if i+n < len(s) {
		next, m = t.At(s, i+n)
	}
	if k&marks == 0 && b != '\r' && b != '\n' && next&letters != 0 {
		return while(t, s, i+n+m, letters)
	}
	if k&marks != 0 {
		return newlines(s, while(t, s, i+n, marks), false)
	}
	if b == ' ' && next&marks != 0 {
		return newlines(s, while(t, s, i+n+m, marks), false)
	}
	if k&uclass.Space != 0 {
		return lineSpaces(t, s, i)
	}
	return i
}

func isASCIIPunct(b byte) bool {
	return b > ' ' && b < 0x7F && !(b >= '0' && b <= '9') && !(b|0x20 >= 'a' && b|0x20 <= 'z')
}

// runes is a sorted list of ranges of code points.
type runes [][2]rune

func (rs runes) has(r rune) bool {
	i := sort.Search(len(rs), func(i int) bool { return rs[i][1] >= r })
	return i < len(rs) && r >= rs[i][0]
}

// bitmap answers has for the first 65,536 code points without a search.
func (rs runes) bitmap() *[1 << 10]uint64 {
	var bits [1 << 10]uint64
	for _, r := range rs {
		for c := r[0]; c <= min(r[1], 0xFFFF); c++ {
			bits[c>>6] |= 1 << (c & 63)
		}
	}
	return &bits
}

// runOf matches [set]+, with \s? before it if space.
func runOf(set runes, space bool) Scanner {
	bits := set.bitmap()
	run := func(s string, at int) int {
		for at < len(s) {
			r, n := rune(s[at]), 1
			if r >= 0x80 {
				r, n = uclass.Rune(s, at)
			}
			if r > 0xFFFF {
				if !set.has(r) {
					break
				}
			} else if bits[r>>6]&(1<<(r&63)) == 0 {
				break
			}
			at += n
		}
		return at
	}
	return func(t *uclass.Table, s string, i int) int {
		if space {
			if k, n := t.At(s, i); k&uclass.Space != 0 {
				if e := run(s, i+n); e > i+n {
					return e
				}
			}
		}
		return run(s, i)
	}
}

// classRun matches [class]+, with \s? before it if space; max bounds the run,
// 0 does not.
func classRun(c uclass.Class, space bool, max int) Scanner {
	return func(t *uclass.Table, s string, i int) int {
		if space {
			if k, n := t.At(s, i); k&uclass.Space != 0 {
				if e := upTo(t, s, i+n, c, max); e > i+n {
					return e
				}
			}
		}
		return upTo(t, s, i, c, max)
	}
}

// lineEnd matches [\r\n].
func lineEnd(_ *uclass.Table, s string, i int) int {
	if s[i] == '\n' || s[i] == '\r' {
		return i + 1
	}
	return i
}

// endSpaces matches \s+$, $ being the end of the text or of any line.
func endSpaces(t *uclass.Table, s string, i int) int {
	end := while(t, s, i, uclass.Space)
	if end == len(s) {
		return end
	}
	for k := end - 1; k > i; k-- {
		if s[k] == '\n' {
			return k
		}
	}
	return i
}

// threeDigits matches [0-9][0-9][0-9].
func threeDigits(_ *uclass.Table, s string, i int) int {
	if i+3 > len(s) {
		return i
	}
	for _, b := range []byte(s[i : i+3]) {
		if b < '0' || b > '9' {
			return i
		}
	}
	return i + 3
}

// lines matches [^\n]+|[\n]+.
func lines(_ *uclass.Table, s string, i int) int {
	newline := s[i] == '\n'
	for i < len(s) && (s[i] == '\n') == newline {
		i++
	}
	return i
}
