package jsonscan

import "strconv"

// number consumes a number: grammar of RFC 8259, finite as float64.
func (s *Scanner) number() error {
	at := s.pos
	at0 := func() byte {
		if s.pos < len(s.data) {
			return s.data[s.pos]
		}
		return 0
	}
	digits := func() bool {
		from := s.pos
		for c := at0(); c >= '0' && c <= '9'; c = at0() {
			s.pos++
		}
		return s.pos > from
	}
	if at0() == '-' {
		s.pos++
	}
	ok := true
	if at0() == '0' {
		s.pos++
	} else {
		ok = digits()
	}
	if ok && at0() == '.' {
		s.pos++
		ok = digits()
	}
	float := false
	if c := at0(); ok && (c == 'e' || c == 'E') {
		float = true
		s.pos++
		if c := at0(); c == '+' || c == '-' {
			s.pos++
		}
		ok = digits()
	}
	if !ok || isWord(at0()) || at0() == '.' {
		s.pos = at
		return s.errorf("malformed number %s", s.found())
	}
	if float || s.pos-at > 300 {
		if _, err := strconv.ParseFloat(string(s.data[at:s.pos]), 64); err != nil {
			s.pos = at
			return s.errorf("number out of range: %s", s.found())
		}
	}
	return nil
}
