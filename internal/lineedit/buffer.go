package lineedit

import (
	"slices"
	"unicode"
)

// buffer is a text with a cursor between two of its characters.
type buffer struct {
	text   []rune
	at     int
	killed []rune // for yank
	joined bool   // the last command killed too: kills add up
	max    int    // characters
	full   bool   // the last insertion did not fit and was left out
}

func (b *buffer) set(s string) {
	b.text = []rune(s)
	b.at = len(b.text)
}

func (b *buffer) insert(s string) {
	r := []rune(s)
	if b.full = len(b.text)+len(r) > b.max; b.full {
		return
	}
	b.text = slices.Insert(b.text, b.at, r...)
	b.at += len(r)
}

// remove deletes [i, j), which touches the cursor.
func (b *buffer) remove(i, j int) {
	b.text = slices.Delete(b.text, i, j)
	b.at = i
}

// kill removes [i, j) for yank.
func (b *buffer) kill(i, j int) {
	cut := slices.Clone(b.text[i:j])
	switch {
	case !b.joined:
		b.killed = cut
	case i < b.at:
		b.killed = append(cut, b.killed...)
	default:
		b.killed = append(b.killed, cut...)
	}
	b.remove(i, j)
}

// lineStart and lineEnd bound the line of the cursor.
func (b *buffer) lineStart() int {
	i := b.at
	for i > 0 && b.text[i-1] != '\n' {
		i--
	}
	return i
}

func (b *buffer) lineEnd() int {
	i := b.at
	for i < len(b.text) && b.text[i] != '\n' {
		i++
	}
	return i
}

func word(r rune) bool  { return unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' }
func blank(r rune) bool { return unicode.IsSpace(r) }
func solid(r rune) bool { return !blank(r) }
func other(r rune) bool { return !word(r) }

// back goes left over the characters that begin with runes of a class.
func (b *buffer) back(i int, class func(rune) bool) int {
	for i > 0 {
		p := previous(b.text, i)
		if !class(b.text[p]) {
			break
		}
		i = p
	}
	return i
}

// forth goes right over them.
func (b *buffer) forth(i int, class func(rune) bool) int {
	for i < len(b.text) && class(b.text[i]) {
		i = next(b.text, i)
	}
	return i
}

func (b *buffer) wordLeft() int  { return b.back(b.back(b.at, other), word) }
func (b *buffer) wordRight() int { return b.forth(b.forth(b.at, other), word) }

// blankLeft is the start of the run of non-blanks before the cursor, what
// Ctrl-W deletes.
func (b *buffer) blankLeft() int { return b.back(b.back(b.at, blank), solid) }

// transpose swaps the characters around the cursor, the last two at the end
// of a line.
func (b *buffer) transpose() {
	mid := b.at
	if mid == b.lineEnd() {
		mid = previous(b.text, mid)
	}
	if mid <= b.lineStart() {
		return
	}
	i, j := previous(b.text, mid), next(b.text, mid)
	swapped := slices.Concat(b.text[mid:j], b.text[i:mid])
	copy(b.text[i:j], swapped)
	b.at = j
}

// edit applies a key that needs nothing but the text, and tells whether it
// was one.
func (b *buffer) edit(k key) bool {
	kills := false
	switch k.code {
	case keyText, keyPaste:
		b.insert(k.text)
	case keyNewline:
		b.insert("\n")
	case keyLeft:
		b.at = previous(b.text, b.at)
	case keyRight:
		b.at = next(b.text, b.at)
	case keyHome:
		b.at = b.lineStart()
	case keyEnd:
		b.at = b.lineEnd()
	case keyWordLeft:
		b.at = b.wordLeft()
	case keyWordRight:
		b.at = b.wordRight()
	case keyBackspace:
		b.remove(previous(b.text, b.at), b.at)
	case keyDelete:
		b.remove(b.at, next(b.text, b.at))
	case keyKillEnd:
		end := b.lineEnd()
		if end == b.at {
			end = min(end+1, len(b.text)) // join with the next line
		}
		b.kill(b.at, end)
		kills = true
	case keyKillStart:
		b.kill(b.lineStart(), b.at)
		kills = true
	case keyKillWordLeft:
		b.kill(b.blankLeft(), b.at)
		kills = true
	case keyKillWordRight:
		b.kill(b.at, b.wordRight())
		kills = true
	case keyYank:
		b.insert(string(b.killed))
	case keyTranspose:
		b.transpose()
	default:
		return false
	}
	b.joined = kills
	return true
}
