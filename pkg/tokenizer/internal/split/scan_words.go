package split

import "github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"

// gpt2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func gpt2(t *uclass.Table, s string, i int) int {
	if e := contraction(s, i, false); e > i {
		return e
	}
	at := i
	if s[i] == ' ' && i+1 < len(s) {
		at = i + 1
	}
	k, n := t.At(s, at)
	switch {
	case k&uclass.L != 0:
		return while(t, s, at+n, uclass.L)
	case k&uclass.N != 0:
		return while(t, s, at+n, uclass.N)
	case k&uclass.Space == 0:
		return until(t, s, at+n, uclass.Space|uclass.L|uclass.N)
	}
	return spaces(s, i, while(t, s, i, uclass.Space))
}

// llama3 makes the scanner of
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|
//	 ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// with letters in the place of \p{L}, without the contractions if plain, and
// digits 0 for \p{N}+.
func llama3(letters uclass.Class, digits int, plain bool) Scanner {
	return func(t *uclass.Table, s string, i int) int {
		b := s[i]
		if b == '\'' && !plain {
			if e := contraction(s, i, true); e > i {
				return e
			}
		}
		k, n := t.At(s, i)
		if k&letters != 0 {
			return while(t, s, i+n, letters)
		}
		if k&uclass.N != 0 {
			return upTo(t, s, i, uclass.N, digits)
		}
		var next uclass.Class // of the character after this one
		var m int
		if i+n < len(s) {
			next, m = t.At(s, i+n)
		}
		if next&letters != 0 && b != '\r' && b != '\n' {
			return while(t, s, i+n+m, letters)
		}
		stop := uclass.Space | uclass.N | letters
		if k&uclass.Space == 0 {
			return newlines(s, until(t, s, i+n, stop), false)
		}
		if b == ' ' && m > 0 && next&stop == 0 {
			return newlines(s, until(t, s, i+n+m, stop), false)
		}
		return lineSpaces(t, s, i)
	}
}

// The classes of cased: everything that may begin a word part, everything that
// may continue one in lower case, and what is in both.
const (
	upperPart = uclass.Lu | uclass.Lt | uclass.Lm | uclass.Lo | uclass.M
	lowerPart = uclass.Ll | uclass.Lm | uclass.Lo | uclass.M
	bothParts = upperPart & lowerPart
)

// cased makes the scanner of the o200k family:
//
//	[^\r\n\p{L}\p{N}]?U*W+C?|[^\r\n\p{L}\p{N}]?U+W*C?|\p{N}{1,digits}|
//	 ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], W = [\p{Ll}\p{Lm}\p{Lo}\p{M}], C the
// contractions in any case, or nothing.
func cased(digits int, contractions bool) Scanner {
	return func(t *uclass.Table, s string, i int) int {
		b := s[i]
		k, n := t.At(s, i)
		e := i
		if k&uclass.L != 0 {
			e = casedWord(t, s, i)
		} else if k&uclass.N == 0 && b != '\r' && b != '\n' {
			// The optional first character is taken; if that leaves no word
			// it is given back, and then only a mark can begin one.
			e = casedLower(t, s, i+n)
			if e == i+n && k&uclass.M != 0 {
				e = casedLower(t, s, i)
			} else if e == i+n {
				e = while(t, s, i+n, upperPart)
			}
			if e == i+n && k&uclass.M == 0 {
				e = i
			}
		}
		if e > i {
			if contractions {
				return contraction(s, e, true)
			}
			return e
		}
		if k&uclass.N != 0 {
			return upTo(t, s, i, uclass.N, digits)
		}
		const stop = uclass.Space | uclass.L | uclass.N
		if k&uclass.Space == 0 {
			return newlines(s, until(t, s, i+n, stop), true)
		}
		if b == ' ' && i+1 < len(s) {
			if next, m := t.At(s, i+1); next&stop == 0 {
				return newlines(s, until(t, s, i+1+m, stop), true)
			}
		}
		return lineSpaces(t, s, i)
	}
}

// casedWord matches U*W+|U+W* where s[i] is a letter.
func casedWord(t *uclass.Table, s string, i int) int {
	if e := casedLower(t, s, i); e > i {
		return e
	}
	return while(t, s, i, upperPart)
}

// casedLower matches U*W+. U* takes all it can; where no W follows, it gives
// characters back until one of them is a W as well.
func casedLower(t *uclass.Table, s string, i int) int {
	both := -1 // end of the last character of the run that is in U and W
	at := i
	for at < len(s) {
		k, n := t.At(s, at)
		if k&upperPart == 0 {
			if k&lowerPart != 0 {
				return while(t, s, at+n, lowerPart)
			}
			break
		}
		at += n
		if k&bothParts != 0 {
			both = at
		}
	}
	if both < 0 {
		return i
	}
	return both
}
