package lineedit

import (
	"unicode"

	"golang.org/x/text/width"
)

const (
	zwj          = '\u200D'
	emojiVariant = '\uFE0F'
	tabWidth     = 4
)

// RuneWidth is the number of cells of a character on its own: 0 for combining
// marks, joiners and conjoining vowels, 2 for wide and full-width characters.
// Control characters, which are shown as ^X, take 2, a tab takes 4.
func RuneWidth(r rune) int {
	switch {
	case r == '\t':
		return tabWidth
	case r < 0x20 || r >= 0x7F && r < 0xA0:
		return 2
	case r < 0x300:
		return 1
	case r >= 0x1160 && r <= 0x11FF || r >= 0x200B && r <= 0x200F:
		return 0
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// extends tells whether r belongs to the character that ends in prev.
func extends(prev, r rune) bool {
	if prev == '\n' || prev == '\t' {
		return false
	}
	return r != '\n' && r != '\t' && (RuneWidth(r) == 0 || prev == zwj || r >= 0x1F3FB && r <= 0x1F3FF)
}

func flagPart(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// next is the end of the character that begins at i: a base with its combining
// marks, a sequence of joined emoji, a flag.
func next(s []rune, i int) int {
	if i >= len(s) {
		return len(s)
	}
	j := i + 1
	if flagPart(s[i]) && j < len(s) && flagPart(s[j]) {
		j++
	}
	for j < len(s) && extends(s[j-1], s[j]) {
		j++
	}
	return j
}

// maxCluster bounds how far back previous looks for the start of a character.
const maxCluster = 64

// previous is the start of the character that ends at i.
func previous(s []rune, i int) int {
	if i <= 0 {
		return 0
	}
	from := max(0, i-maxCluster)
	for k := i - 1; k > from; k-- {
		if !extends(s[k-1], s[k]) && !flagPart(s[k]) {
			from = k
			break
		}
	}
	at := from
	for {
		n := next(s, at)
		if n >= i {
			return at
		}
		at = n
	}
}

// cells is the most cells any terminal gives to s[i:j], one character.
func cells(s []rune, i, j int) int {
	n := 0
	for k := i; k < j; k++ {
		w := RuneWidth(s[k])
		if s[k] == emojiVariant && k > i && RuneWidth(s[k-1]) == 1 {
			w = 1
		}
		n += w
	}
	return n
}

// appendShown writes what stands on the screen for a character.
func appendShown(b []byte, s []rune) []byte {
	for _, r := range s {
		switch {
		case r == '\t':
			b = append(b, "    "...)
		case r < 0x20 || r == 0x7F:
			b = append(b, '^', byte(r)^0x40)
		case r >= 0x80 && r < 0xA0:
			b = append(b, "^?"...)
		case unicode.Is(unicode.Cf, r) && r != zwj && r < 0xE0000:
			// Marks of direction would move what follows.
		default:
			b = append(b, string(r)...)
		}
	}
	return b
}
