package lineedit

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// key is one thing the user did.
type key struct {
	code keyCode
	text string // of keyText and keyPaste
}

type keyCode int

const (
	keyNone keyCode = iota // unknown sequences
	keyText
	keyPaste
	keyEnter
	keyNewline
	keyLeft
	keyRight
	keyUp
	keyDown
	keyHome
	keyEnd
	keyWordLeft
	keyWordRight
	keyBackspace
	keyDelete
	keyKillEnd
	keyKillStart
	keyKillWordLeft
	keyKillWordRight
	keyYank
	keyTranspose
	keyClear
	keyInterrupt
	keyEOF
	keySuspend
	keyPrevious
	keyNext
)

// controls are the keys of single bytes.
var controls = map[byte]keyCode{
	0x01: keyHome, 0x02: keyLeft, 0x03: keyInterrupt, 0x04: keyEOF, 0x05: keyEnd, 0x06: keyRight, 0x08: keyBackspace,
	'\n': keyEnter, 0x0B: keyKillEnd, 0x0C: keyClear, '\r': keyEnter, 0x0E: keyNext, 0x10: keyPrevious, 0x14: keyTranspose,
	0x15: keyKillStart, 0x17: keyKillWordLeft, 0x19: keyYank, 0x1A: keySuspend, 0x7F: keyBackspace,
}

// escapes are the keys of ESC and one byte, Meta keys.
var escapes = map[byte]keyCode{
	'\r': keyNewline, '\n': keyNewline, 'b': keyWordLeft, 'f': keyWordRight, 'd': keyKillWordRight, 0x7F: keyKillWordLeft, 0x08: keyKillWordLeft,
}

// sequences are the keys of ESC [ and ESC O, without what follows a
// semicolon; see modified.
var sequences = map[string]keyCode{
	"A": keyUp, "B": keyDown, "C": keyRight, "D": keyLeft, "H": keyHome, "F": keyEnd,
	"1~": keyHome, "7~": keyHome, "4~": keyEnd, "8~": keyEnd, "3~": keyDelete,
}

// modified are the keys that differ with Ctrl or Alt.
var modified = map[keyCode]keyCode{keyLeft: keyWordLeft, keyRight: keyWordRight, keyDelete: keyKillWordRight}

const (
	pasteStart = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// maxSequence bounds an escape sequence; longer ones are garbage.
const maxSequence = 32

// parseKey decodes the key at the start of b and returns its length, 0 when
// more bytes are needed. final says that none will come soon: an ESC is then
// the key of that name.
func parseKey(b []byte, final bool) (key, int) {
	if len(b) == 0 {
		return key{}, 0
	}
	c := b[0]
	if c == 0x1B {
		return parseEscape(b, final)
	}
	if code, ok := controls[c]; ok {
		return key{code: code}, 1
	}
	if c == '\t' {
		return key{keyText, "\t"}, 1
	}
	if c < 0x20 {
		return key{}, 1
	}
	if !utf8.FullRune(b) && !final {
		return key{}, 0
	}
	r, n := utf8.DecodeRune(b)
	return key{keyText, string(r)}, n
}

func parseEscape(b []byte, final bool) (key, int) {
	more := 0
	if final {
		more = 1 // a lone ESC
	}
	if len(b) == 1 {
		return key{}, more
	}
	if code, ok := escapes[b[1]]; ok {
		return key{code: code}, 2
	}
	if b[1] != '[' && b[1] != 'O' {
		return key{}, 1
	}
	for i := 2; i < len(b); i++ {
		if i == maxSequence {
			return key{}, i
		}
		if c := b[i]; c < 0x40 || c > 0x7E {
			if c < 0x20 || c > 0x7E {
				return key{}, i // no part of a sequence
			}
			continue
		}
		if string(b[:i+1]) == pasteStart {
			return parsePaste(b)
		}
		return key{code: sequenceKey(string(b[2 : i+1]))}, i + 1
	}
	if final {
		return key{}, len(b)
	}
	return key{}, 0
}

// sequenceKey reads "A", "3~" or "1;5C".
func sequenceKey(s string) keyCode {
	params, last := s[:len(s)-1], s[len(s)-1:]
	number, modifier, _ := strings.Cut(params, ";")
	if last != "~" {
		number = ""
	}
	code := sequences[number+last]
	if m, ok := modified[code]; ok && modifier != "" && modifier != "1" && modifier != "2" {
		code = m
	}
	return code
}

// parsePaste reads a pasted text; lines may end in any way.
func parsePaste(b []byte) (key, int) {
	rest := b[len(pasteStart):]
	n := bytes.Index(rest, []byte(pasteEnd))
	if n < 0 {
		return key{}, 0
	}
	return key{keyPaste, cleanText(string(rest[:n]))}, len(pasteStart) + n + len(pasteEnd)
}

func cleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
