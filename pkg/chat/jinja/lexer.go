package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokKind uint8

const (
	tokEOF tokKind = iota
	tokData
	tokVarBegin
	tokVarEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokNumber
	tokOp
)

// token is one lexical element. val holds the constant of tokString and tokNumber.
type token struct {
	kind tokKind
	line int
	text string
	val  Value
}

func (t token) describe() string {
	switch t.kind {
	case tokEOF:
		return "end of template"
	case tokData:
		return "template data / text"
	case tokVarBegin:
		return "begin of print statement"
	case tokVarEnd:
		return "end of print statement"
	case tokBlockBegin:
		return "begin of statement block"
	case tokBlockEnd:
		return "end of statement block"
	}
	return t.text
}

// lexer splits a template into tokens as jinja2 does with trim_blocks and lstrip_blocks on.
type lexer struct {
	src       string
	pos       int
	line      int
	lineStart bool // the previous match ended with a newline, or there was none
	toks      []token
}

func lex(src string) ([]token, error) {
	src = normalizeNewlines(src)
	src = strings.TrimSuffix(src, "\n")
	lx := &lexer{src: src, line: 1, lineStart: true}
	for lx.pos < len(src) {
		if err := lx.root(); err != nil {
			return nil, atLine(err, lx.line)
		}
	}
	lx.emit(tokEOF, "", nil)
	return lx.toks, nil
}

func normalizeNewlines(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

func (lx *lexer) emit(k tokKind, text string, v Value) {
	lx.toks = append(lx.toks, token{kind: k, line: lx.line, text: text, val: v})
}

// advance moves to pos and counts the lines passed.
func (lx *lexer) advance(pos int) {
	lx.line += strings.Count(lx.src[lx.pos:pos], "\n")
	lx.lineStart = pos > lx.pos && lx.src[pos-1] == '\n'
	lx.pos = pos
}

// root handles text up to and including the next construct.
func (lx *lexer) root() error {
	rest := lx.src[lx.pos:]
	i := 0
	for {
		k := strings.IndexByte(rest[i:], '{')
		if k < 0 || i+k+1 >= len(rest) {
			lx.emit(tokData, rest, nil)
			lx.advance(len(lx.src))
			return nil
		}
		i += k
		if c := rest[i+1]; c == '{' || c == '%' || c == '#' {
			break
		}
		i++
	}
	open := rest[i+1]
	start := lx.pos + i
	if open == '%' {
		if end, sign, ok := lx.rawBegin(start); ok {
			lx.data(rest[:i], sign, true)
			lx.advance(end)
			return lx.raw()
		}
	}
	end := start + 2
	var sign byte
	if end < len(lx.src) && (lx.src[end] == '-' || lx.src[end] == '+') {
		sign = lx.src[end]
		end++
	}
	lx.data(rest[:i], sign, open != '{')
	lx.advance(end)
	switch open {
	case '#':
		return lx.comment()
	case '{':
		lx.emit(tokVarBegin, "{{", nil)
		return lx.code(false)
	}
	lx.emit(tokBlockBegin, "{%", nil)
	return lx.code(true)
}

// data emits the text before a construct, stripped as its sign and lstrip_blocks ask.
func (lx *lexer) data(text string, sign byte, lstrip bool) {
	if sign == '-' {
		text = strings.TrimRightFunc(text, isSpace)
	} else if sign != '+' && lstrip {
		p := strings.LastIndexByte(text, '\n') + 1
		if (p > 0 || lx.lineStart) && p < len(text) && strings.TrimLeftFunc(text[p:], isSpace) == "" {
			text = text[:p]
		}
	}
	if text != "" {
		lx.emit(tokData, text, nil)
	}
}

func (lx *lexer) skipSpace(p int) int {
	return len(lx.src) - len(strings.TrimLeftFunc(lx.src[p:], isSpace))
}

// rawBegin matches {% raw %} at start.
func (lx *lexer) rawBegin(start int) (end int, sign byte, ok bool) {
	p, sign, ok := lx.tagWord(start, "raw")
	if !ok {
		return 0, 0, false
	}
	if strings.HasPrefix(lx.src[p:], "-%}") {
		return lx.skipSpace(p + 3), sign, true
	}
	if strings.HasPrefix(lx.src[p:], "%}") {
		return p + 2, sign, true
	}
	return 0, 0, false
}

// tagWord matches "{%", a sign, the word and the spaces around it.
func (lx *lexer) tagWord(start int, word string) (end int, sign byte, ok bool) {
	p := start + 2
	if p < len(lx.src) && (lx.src[p] == '-' || lx.src[p] == '+') {
		sign = lx.src[p]
		p++
	}
	p = lx.skipSpace(p)
	if !strings.HasPrefix(lx.src[p:], word) {
		return 0, 0, false
	}
	return lx.skipSpace(p + len(word)), sign, true
}

// blockEnd matches the end of a statement at p, with what it trims.
func (lx *lexer) blockEnd(p int) (end int, ok bool) {
	s := lx.src[p:]
	switch {
	case strings.HasPrefix(s, "+%}"):
		return p + 3, true
	case strings.HasPrefix(s, "-%}"):
		return lx.skipSpace(p + 3), true
	case strings.HasPrefix(s, "%}\n"):
		return p + 3, true
	case strings.HasPrefix(s, "%}"):
		return p + 2, true
	}
	return 0, false
}

func (lx *lexer) raw() error {
	for p := lx.pos; ; {
		k := strings.Index(lx.src[p:], "{%")
		if k < 0 && lx.pos == len(lx.src) {
			return nil // jinja2 notices a missing end only at the next character
		}
		if k < 0 {
			return errf(KindSyntax, "Missing end of raw directive")
		}
		p += k
		if q, sign, ok := lx.tagWord(p, "endraw"); ok {
			if end, ok := lx.blockEnd(q); ok {
				lx.data(lx.src[lx.pos:p], sign, true)
				lx.advance(end)
				return nil
			}
		}
		p += 2
	}
}

func (lx *lexer) comment() error {
	k := strings.Index(lx.src[lx.pos:], "#}")
	if k < 0 && lx.pos == len(lx.src) {
		return nil
	}
	if k < 0 {
		return errf(KindSyntax, "Missing end of comment tag")
	}
	end := lx.pos + k + 2
	switch {
	case k > 0 && lx.src[lx.pos+k-1] == '-':
		end = lx.skipSpace(end)
	case k > 0 && lx.src[lx.pos+k-1] == '+':
	case strings.HasPrefix(lx.src[end:], "\n"):
		end++
	}
	lx.advance(end)
	return nil
}

// code reads the tokens of {{ }} or {% %} up to and including its end.
func (lx *lexer) code(block bool) error {
	var open []byte // closers that brackets wait for
	for lx.pos < len(lx.src) {
		s := lx.src[lx.pos:]
		if len(open) == 0 {
			if end, ok := lx.codeEnd(block); ok {
				kind := tokVarEnd
				if block {
					kind = tokBlockEnd
				}
				lx.emit(kind, "", nil)
				lx.advance(end)
				return nil
			}
		}
		r, n := utf8.DecodeRuneInString(s)
		var err error
		switch {
		case isSpace(r):
			lx.advance(lx.skipSpace(lx.pos))
			continue
		case r >= '0' && r <= '9':
			n, err = lx.number(s)
		case r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r):
			n = nameLen(s)
			lx.emit(tokName, s[:n], nil)
		case r == '\'' || r == '"':
			n, err = lx.str(s)
		default:
			n, err = lx.operator(s, &open)
		}
		if err != nil {
			return err
		}
		lx.advance(lx.pos + n)
	}
	return nil
}

func (lx *lexer) codeEnd(block bool) (end int, ok bool) {
	if block {
		return lx.blockEnd(lx.pos)
	}
	s := lx.src[lx.pos:]
	if strings.HasPrefix(s, "-}}") {
		return lx.skipSpace(lx.pos + 3), true
	}
	return lx.pos + 2, strings.HasPrefix(s, "}}")
}

func nameLen(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.In(r, unicode.Nd, unicode.Nl, unicode.Mn, unicode.Mc, unicode.Pc) {
			return i
		}
	}
	return len(s)
}

var operators = []string{
	"//", "**", "==", "!=", ">=", "<=",
	"+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
}

func (lx *lexer) operator(s string, open *[]byte) (int, error) {
	for _, op := range operators {
		if !strings.HasPrefix(s, op) {
			continue
		}
		switch op {
		case "(":
			*open = append(*open, ')')
		case "[":
			*open = append(*open, ']')
		case "{":
			*open = append(*open, '}')
		case ")", "]", "}":
			if len(*open) == 0 {
				return 0, errf(KindSyntax, "unexpected '%s'", op)
			}
			want := (*open)[len(*open)-1]
			if want != op[0] {
				return 0, errf(KindSyntax, "unexpected '%s', expected '%c'", op, want)
			}
			*open = (*open)[:len(*open)-1]
		}
		lx.emit(tokOp, op, nil)
		return len(op), nil
	}
	_, n := utf8.DecodeRuneInString(s)
	return 0, errf(KindSyntax, "unexpected char %s at %d", pyQuote(s[:n]), utf8.RuneCountInString(lx.src[:lx.pos]))
}

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
