package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// digits matches digits with single underscores between them.
func digits(s string, ok func(c byte) bool) int {
	n := 0
	for n < len(s) && ok(s[n]) {
		n++
		if n+1 < len(s) && s[n] == '_' && ok(s[n+1]) {
			n++
		}
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// number matches a float or an integer literal at the start of s, which begins with a digit.
func (lx *lexer) number(s string) (int, error) {
	if n := floatLen(s); n > 0 && (lx.pos == 0 || lx.src[lx.pos-1] != '.') {
		f, err := strconv.ParseFloat(strings.ReplaceAll(s[:n], "_", ""), 64)
		if err != nil && err.(*strconv.NumError).Err == strconv.ErrSyntax {
			return 0, errf(KindSyntax, "invalid number %q", s[:n])
		}
		lx.emit(tokNumber, s[:n], f)
		return n, nil
	}
	n, base := 0, 10
	if s[0] == '0' && len(s) > 2 {
		p := 2
		if s[2] == '_' && len(s) > 3 {
			p = 3
		}
		switch s[1] | 0x20 {
		case 'b':
			base, n = 2, digits(s[p:], func(c byte) bool { return c == '0' || c == '1' })
		case 'o':
			base, n = 8, digits(s[p:], func(c byte) bool { return c >= '0' && c <= '7' })
		case 'x':
			base, n = 16, digits(s[p:], isHex)
		}
		if n > 0 {
			n += p
		}
	}
	text := s
	if n > 0 {
		text = s[2:n]
	} else if base, n = 10, 1; s[0] == '0' {
		n = digits(s, func(c byte) bool { return c == '0' })
		text = s[:n]
	} else {
		n = digits(s, isDigit)
		text = s[:n]
	}
	v, err := parseInt(strings.ReplaceAll(text, "_", ""), base)
	if err != nil {
		return 0, errf(KindSyntax, "%s", err.(*Error).Msg)
	}
	lx.emit(tokNumber, s[:n], v)
	return n, nil
}

// floatLen is the length of a float literal at the start of s, or 0.
func floatLen(s string) int {
	n := digits(s, isDigit)
	frac := 0
	if n+1 < len(s) && s[n] == '.' {
		if frac = digits(s[n+1:], isDigit); frac > 0 {
			n += 1 + frac
		}
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		p := n + 1
		if p < len(s) && (s[p] == '+' || s[p] == '-') {
			p++
		}
		if e := digits(s[p:], isDigit); e > 0 {
			return p + e
		}
	}
	if frac > 0 {
		return n
	}
	return 0
}

// parseInt reads plain digits of the base.
func parseInt(text string, base int) (Value, error) {
	if i, err := strconv.ParseInt(text, base, 64); err == nil {
		return i, nil
	}
	if base&(base-1) != 0 && len(text) > 4300 {
		return nil, valueErr("Exceeds the limit (4300 digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", len(text))
	}
	if len(text) > intBits {
		return nil, errf(KindLimit, "integer literal of %d digits", len(text))
	}
	b, ok := new(big.Int).SetString(text, base)
	if !ok {
		return nil, valueErr("invalid literal for int() with base %d: %s", base, pyQuote(text))
	}
	return normBig(b)
}

// str matches a string literal at the start of s.
func (lx *lexer) str(s string) (int, error) {
	end := 1
	for ; end < len(s) && s[end] != s[0]; end++ {
		if s[end] == '\\' {
			end++
		}
	}
	if end >= len(s) {
		return 0, errf(KindSyntax, "unexpected char %s at %d", pyQuote(s[:1]), utf8.RuneCountInString(lx.src[:lx.pos]))
	}
	text, err := unescape(s[1:end])
	if err != nil {
		return 0, err
	}
	lx.emit(tokString, text, newStr(text))
	return end + 1, nil
}

var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape resolves the escapes of a string literal as Python's unicode-escape codec does.
func unescape(s string) (string, error) {
	if !strings.Contains(s, "\\") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			i++
			continue
		}
		c := s[i+1]
		if rep, ok := simpleEscapes[c]; ok {
			b.WriteString(rep)
			i += 2
			continue
		}
		switch {
		case c >= '0' && c <= '7':
			n := 0
			p := i + 1
			for ; p < len(s) && p < i+4 && s[p] >= '0' && s[p] <= '7'; p++ {
				n = n*8 + int(s[p]-'0')
			}
			b.WriteRune(rune(n))
			i = p
		case c == 'x' || c == 'u' || c == 'U':
			want := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			p := i + 2
			for p < len(s) && p < i+2+want && isHex(s[p]) {
				p++
			}
			if p < i+2+want {
				return "", errf(KindSyntax, "truncated \\%c escape", c)
			}
			n, _ := strconv.ParseUint(s[i+2:p], 16, 32)
			if n > unicode.MaxRune {
				return "", errf(KindSyntax, "illegal Unicode character")
			}
			if n >= 0xD800 && n < 0xE000 {
				return "", errf(KindUnsupported, "surrogate escape %s in a string", s[i:p])
			}
			b.WriteRune(rune(n))
			i = p
		case c == 'N':
			return "", errf(KindUnsupported, "\\N escape in a string")
		case c >= utf8.RuneSelf: // the codec sees such a character already escaped
			r, n := utf8.DecodeRuneInString(s[i+1:])
			b.WriteString("\\" + strings.TrimPrefix(asciiEscape(r), "\\"))
			i += 1 + n
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
			i += 2
		}
	}
	return b.String(), nil
}

// asciiEscape writes a code point as \xHH, \uHHHH or \UHHHHHHHH.
func asciiEscape(r rune) string {
	h := strconv.FormatUint(uint64(r), 16)
	switch {
	case r < 0x100:
		return `\x` + strings.Repeat("0", 2-len(h)) + h
	case r < 0x10000:
		return `\u` + strings.Repeat("0", 4-len(h)) + h
	}
	return `\U` + strings.Repeat("0", 8-len(h)) + h
}
