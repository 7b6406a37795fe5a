package jsonscan

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of objects and arrays.
const MaxDepth = 64

// Scanner is a cursor over one JSON document. The zero Scanner reads an empty
// document; see New.
type Scanner struct {
	data  []byte
	pos   int
	depth int
}

// New starts at the first byte of data, which must not change meanwhile.
func New(data []byte) *Scanner { return &Scanner{data: data} }

// Check scans a document that must hold one value and nothing else.
// Numbers outside the range of float64 are errors here.
func Check(data []byte) error {
	s := New(data)
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

// Pos is the offset of the next unread byte.
func (s *Scanner) Pos() int { return s.pos }

// Peek returns the first byte of the next value, 0 at the end.
func (s *Scanner) Peek() byte {
	s.space()
	if s.pos >= len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// End fails unless only white space is left.
func (s *Scanner) End() error {
	if c := s.Peek(); c != 0 || s.pos < len(s.data) {
		return s.errorf("text after the JSON value: %s", s.found())
	}
	return nil
}

// Object walks an object. f is called after each key and must consume the
// value. A key that occurs twice is an error.
func (s *Scanner) Object(f func(key string) error) error {
	if err := s.open('{', "an object"); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	if s.Peek() == '}' {
		s.pos++
		return nil
	}
	var seen keySet
	for {
		if s.Peek() != '"' {
			return s.errorf("want a key, found %s", s.found())
		}
		at := s.pos
		key, err := s.String()
		if err != nil {
			return err
		}
		if !seen.add(key) {
			s.pos = at
			return s.errorf("duplicate key %s", clip(key))
		}
		if s.Peek() != ':' {
			return s.errorf("want ':' after key %s, found %s", clip(key), s.found())
		}
		s.pos++
		if err := f(key); err != nil {
			return err
		}
		switch s.Peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.errorf("want ',' or '}', found %s", s.found())
		}
	}
}

// Array walks an array; f must consume element i.
func (s *Scanner) Array(f func(i int) error) error {
	if err := s.open('[', "an array"); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	if s.Peek() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := f(i); err != nil {
			return err
		}
		switch s.Peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.errorf("want ',' or ']', found %s", s.found())
		}
	}
}

// Skip consumes one value of any kind, checking all of it.
func (s *Scanner) Skip() error {
	switch c := s.Peek(); {
	case c == '{':
		return s.Object(func(string) error { return s.Skip() })
	case c == '[':
		return s.Array(func(int) error { return s.Skip() })
	case c == '"':
		_, _, err := s.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if s.word(w) {
			return nil
		}
	}
	return s.errorf("want a value, found %s", s.found())
}

// Raw consumes one value like Skip and returns its text.
func (s *Scanner) Raw() ([]byte, error) {
	s.space()
	at := s.pos
	err := s.Skip()
	return s.data[at:s.pos], err
}

// String consumes a string and returns it unescaped.
func (s *Scanner) String() (string, error) {
	raw, escaped, err := s.str()
	if err != nil || !escaped {
		return string(raw), err
	}
	return unescape(raw), nil
}

func (s *Scanner) open(c byte, what string) error {
	if s.Peek() != c {
		return s.errorf("want %s, found %s", what, s.found())
	}
	if s.depth == MaxDepth {
		return s.errorf("nested more than %d deep", MaxDepth)
	}
	s.depth++
	s.pos++
	return nil
}

func (s *Scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// word consumes w when it stands here as a whole word.
func (s *Scanner) word(w string) bool {
	end := s.pos + len(w)
	if end > len(s.data) || string(s.data[s.pos:end]) != w || end < len(s.data) && isWord(s.data[end]) {
		return false
	}
	s.pos = end
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// found shows what stands here, shortened.
func (s *Scanner) found() string {
	if s.pos >= len(s.data) {
		return "the end"
	}
	n := s.pos
	for n < len(s.data) && (isWord(s.data[n]) || s.data[n] == '.' || s.data[n] == '-' || s.data[n] == '+') && n-s.pos < 24 {
		n++
	}
	if n == s.pos {
		_, w := utf8.DecodeRune(s.data[s.pos:])
		n += w
	}
	return strconv.Quote(string(s.data[s.pos:n]))
}

func (s *Scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("JSON at byte %d: "+format, append([]any{s.pos}, args...)...)
}

// clip quotes a key for a message, shortened.
func clip(key string) string {
	if len(key) > 80 {
		key = key[:80] + "..."
	}
	return strconv.Quote(key)
}
