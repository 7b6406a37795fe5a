package tokenizer

import "unicode/utf8"

// Byte-level vocabularies spell bytes as printable characters (GPT-2): bytes
// that are printable in Latin-1 stand for themselves, the others for U+0100
// and up in order.
var (
	byteRune [256]rune
	runeByte [0x144]int16 // -1 for characters outside the alphabet
)

func init() {
	for i := range runeByte {
		runeByte[i] = -1
	}
	next := rune(0x100)
	for b := range byteRune {
		r := rune(b)
		if b < 0x21 || b > 0x7E && b < 0xA1 || b == 0xAD {
			r = next
			next++
		}
		byteRune[b] = r
		runeByte[r] = int16(b)
	}
}

// appendMapped appends the spelling of bytes.
func appendMapped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		dst = utf8.AppendRune(dst, byteRune[s[i]])
	}
	return dst
}

// appendUnmapped appends the bytes that a piece spells, and the piece itself
// if it holds a character outside the alphabet.
func appendUnmapped(dst []byte, piece string) []byte {
	start := len(dst)
	for _, r := range piece {
		if int(r) >= len(runeByte) || runeByte[r] < 0 {
			return append(dst[:start], piece...)
		}
		dst = append(dst, byte(runeByte[r]))
	}
	return dst
}
