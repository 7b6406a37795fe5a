package jinja

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isSpace is str.isspace of one character.
func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0x1c, 0x1d, 0x1e, 0x1f, 0x85, 0xa0:
		return true
	}
	return r > 0xff && unicode.Is(unicode.White_Space, r)
}

func inRanges(t [][2]rune, r rune) bool {
	i := sort.Search(len(t), func(i int) bool { return t[i][1] >= r })
	return i < len(t) && t[i][0] <= r
}

func isCased(r rune) bool { return inRanges(casedRanges, r) }

func upperRune(piece string, r rune) string {
	if s, ok := upperSpecial[r]; ok && r >= utf8.RuneSelf {
		return s
	}
	return keepInvalid(piece, r, unicode.ToUpper(r))
}

func lowerRune(piece string, r rune) string {
	if s, ok := lowerSpecial[r]; ok && r >= utf8.RuneSelf {
		return s
	}
	return keepInvalid(piece, r, unicode.ToLower(r))
}

func titleRune(piece string, r rune) string {
	if s, ok := titleSpecial[r]; ok && r >= utf8.RuneSelf {
		return s
	}
	return keepInvalid(piece, r, unicode.ToTitle(r))
}

func keepInvalid(piece string, r, to rune) string {
	if to == r {
		return piece
	}
	return string(to)
}

func upper(x *Str) *Str { return x.mapRunes(upperRune) }

func lower(x *Str) *Str {
	if !strings.ContainsRune(x.s, 'Σ') {
		return x.mapRunes(lowerRune)
	}
	pos := 0
	return x.mapRunes(func(piece string, r rune) string {
		at := pos
		pos += len(piece)
		if r == 'Σ' && finalSigma(x.s, at) {
			return "ς"
		}
		return lowerRune(piece, r)
	})
}

// finalSigma is Unicode's Final_Sigma condition: cased before, not cased after, ignorables skipped.
func finalSigma(s string, at int) bool {
	before := strings.TrimRightFunc(s[:at], func(r rune) bool { return inRanges(ignorableRanges, r) })
	r, n := utf8.DecodeLastRuneInString(before)
	if n == 0 || !isCased(r) {
		return false
	}
	after := strings.TrimLeftFunc(s[at+len("Σ"):], func(r rune) bool { return inRanges(ignorableRanges, r) })
	r, n = utf8.DecodeRuneInString(after)
	return n == 0 || !isCased(r)
}

func casefold(x *Str) *Str {
	return x.mapRunes(func(piece string, r rune) string {
		if s, ok := foldSpecial[r]; ok {
			return s
		}
		return lowerRune(piece, r)
	})
}

func swapcase(x *Str) *Str {
	pos := 0
	return x.mapRunes(func(piece string, r rune) string {
		at := pos
		pos += len(piece)
		switch {
		case r == 'Σ' && finalSigma(x.s, at):
			return "ς"
		case isUpperRune(r):
			return lowerRune(piece, r)
		case isLowerRune(r):
			return upperRune(piece, r)
		}
		return piece
	})
}

// capitalize makes the first character title case and the rest lower case.
func capitalize(x *Str) *Str {
	_, n := utf8.DecodeRuneInString(x.s)
	low := lower(x)
	var w buf
	w.str(x.sub(0, n).mapRunes(titleRune))
	k := len(x.sub(0, n).mapRunes(lowerRune).s)
	w.sub(low, k, len(low.s))
	return w.done()
}

// titleCase is str.title: a letter after a letter is lower case, any other title case.
func titleCase(x *Str) *Str {
	prev := false
	pos := 0
	return x.mapRunes(func(piece string, r rune) string {
		at := pos
		pos += len(piece)
		was := prev
		prev = isCased(r)
		switch {
		case !was:
			return titleRune(piece, r)
		case r == 'Σ' && finalSigma(x.s, at):
			return "ς"
		}
		return lowerRune(piece, r)
	})
}

func isUpperRune(r rune) bool {
	return unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r)
}

func isLowerRune(r rune) bool {
	return unicode.IsLower(r) || unicode.Is(unicode.Other_Lowercase, r)
}

// all reports whether s is not empty and every character satisfies f.
func all(f func(r rune) bool) func(string) bool {
	return func(s string) bool {
		for _, r := range s {
			if !f(r) {
				return false
			}
		}
		return s != ""
	}
}

func isAlpha(r rune) bool   { return unicode.IsLetter(r) }
func isNumeric(r rune) bool { return inRanges(numericRanges, r) }

// strPredicates are the is... methods of str.
var strPredicates = map[string]func(s string) bool{
	"isalnum":     all(func(r rune) bool { return isAlpha(r) || isNumeric(r) }),
	"isalpha":     all(isAlpha),
	"isascii":     isASCII,
	"isdecimal":   all(func(r rune) bool { return unicode.Is(unicode.Nd, r) }),
	"isdigit":     all(func(r rune) bool { return inRanges(digitRanges, r) }),
	"isnumeric":   all(isNumeric),
	"isspace":     all(isSpace),
	"isprintable": func(s string) bool { return s == "" || all(isPrintable)(s) },
	"islower":     isLowerStr,
	"isupper":     isUpperStr,
	"istitle":     isTitleStr,
	"isidentifier": func(s string) bool {
		r, _ := utf8.DecodeRuneInString(s)
		return s != "" && nameLen(s) == len(s) && (r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r))
	},
}

func isLowerStr(s string) bool {
	cased := false
	for _, r := range s {
		if isUpperRune(r) || unicode.IsTitle(r) {
			return false
		}
		cased = cased || isLowerRune(r)
	}
	return cased
}

func isUpperStr(s string) bool {
	cased := false
	for _, r := range s {
		if isLowerRune(r) || unicode.IsTitle(r) {
			return false
		}
		cased = cased || isUpperRune(r)
	}
	return cased
}

func isTitleStr(s string) bool {
	cased, prev := false, false
	for _, r := range s {
		switch {
		case isUpperRune(r) || unicode.IsTitle(r):
			if prev {
				return false
			}
			prev, cased = true, true
		case isLowerRune(r):
			if !prev {
				return false
			}
			prev, cased = true, true
		default:
			prev = false
		}
	}
	return cased
}
