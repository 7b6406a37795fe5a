package jsonscan

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// str consumes a string, checks it, and returns what stands between the
// quotes and whether it holds escapes.
func (s *Scanner) str() (raw []byte, escaped bool, err error) {
	if s.Peek() != '"' {
		return nil, false, s.errorf("want a string, found %s", s.found())
	}
	s.pos++
	at := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			raw = s.data[at:s.pos]
			s.pos++
			return raw, escaped, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, false, err
			}
		case c < 0x20:
			return nil, false, s.errorf("control character 0x%02x in a string", c)
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, w := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && w == 1 {
				return nil, false, s.errorf("invalid UTF-8 in a string")
			}
			s.pos += w
		}
	}
	s.pos = at - 1
	return nil, false, s.errorf("string without end")
}

// escape checks the escape that starts here; a surrogate must be a pair.
func (s *Scanner) escape() error {
	if s.pos+1 < len(s.data) {
		switch s.data[s.pos+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			s.pos += 2
			return nil
		case 'u':
			r, ok := hex4(s.data, s.pos)
			if !ok {
				break
			}
			if !utf16.IsSurrogate(r) {
				s.pos += 6
				return nil
			}
			low, ok := hex4(s.data, s.pos+6)
			if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
				return s.errorf("lone surrogate in a string")
			}
			s.pos += 12
			return nil
		}
	}
	return s.errorf("malformed escape in a string")
}

// hex4 reads \uXXXX at i.
func hex4(b []byte, i int) (rune, bool) {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[i+2:i+6]), 16, 16)
	return rune(n), err == nil && b[i+2] != '+' && b[i+2] != '_'
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape decodes a string that str has checked.
func unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		if raw[i+1] != 'u' {
			out = append(out, escapes[raw[i+1]])
			i += 2
			continue
		}
		r, _ := hex4(raw, i)
		i += 6
		if utf16.IsSurrogate(r) {
			low, _ := hex4(raw, i)
			r = utf16.DecodeRune(r, low)
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}
