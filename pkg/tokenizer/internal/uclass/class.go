package uclass

import (
	"encoding/binary"
	"sync"
	"unicode/utf8"
)

// Class is a set of properties of one code point.
type Class uint16

// The bits follow the order of testdata/gen/classes.py.
const (
	Lu Class = 1 << iota
	Ll
	Lt
	Lm
	Lo
	M
	N
	P
	S
	Space     // White_Space, \s
	Numeric   // what the Digits pre-tokenizer isolates
	Punct     // what the Punctuation pre-tokenizer isolates
	Word      // \w of the Whitespace pre-tokenizer
	Accent    // what the StripAccents normaliser removes
	NormLater // combining or decomposing only in Unicode versions newer than the normalisers'
	RegexWord // \w of regular expressions

	L = Lu | Ll | Lt | Lm | Lo
)

const (
	pageBits = 8
	pageSize = 1 << pageBits
	numPages = (utf8.MaxRune + 1) >> pageBits
)

// Table maps code points to classes: ASCII directly, the rest by pages.
type Table struct {
	ASCII [utf8.RuneSelf]Class
	index [numPages]uint16
	pages [][pageSize]Class
}

// Get returns the table, expanded on first use.
var Get = sync.OnceValue(expand)

func expand() *Table {
	t := &Table{}
	uniform := map[Class]uint16{}
	data := []byte(ranges)
	var page [pageSize]Class
	at := 0
	for len(data) > 0 {
		n, w := binary.Uvarint(data)
		flags, v := binary.Uvarint(data[w:])
		data = data[w+v:]
		f := Class(flags)
		for end := at + int(n); at < end; {
			if at%pageSize == 0 && end-at >= pageSize {
				p, ok := uniform[f]
				if !ok {
					for i := range page {
						page[i] = f
					}
					p = t.add(page)
					uniform[f] = p
				}
				t.index[at>>pageBits] = p
				at += pageSize
				continue
			}
			page[at%pageSize] = f
			at++
			if at%pageSize == 0 {
				t.index[at>>pageBits-1] = t.add(page)
			}
		}
	}
	copy(t.ASCII[:], t.pages[t.index[0]][:])
	return t
}

func (t *Table) add(page [pageSize]Class) uint16 {
	t.pages = append(t.pages, page)
	return uint16(len(t.pages) - 1)
}

// Of returns the class of r; 0 for a rune out of range.
func (t *Table) Of(r rune) Class {
	if uint32(r) > utf8.MaxRune {
		return 0
	}
	return t.pages[t.index[r>>pageBits]][r&(pageSize-1)]
}

// At returns the class of the character at s[i] and its length in bytes. s
// must be valid UTF-8 and i the start of a character in it.
func (t *Table) At(s string, i int) (Class, int) {
	c := s[i]
	if c < utf8.RuneSelf {
		return t.ASCII[c], 1
	}
	r, n := Rune(s, i)
	return t.Of(r), n
}

// Rune decodes the character at s[i] of valid UTF-8.
func Rune(s string, i int) (rune, int) {
	return utf8.DecodeRuneInString(s[i:])
}
