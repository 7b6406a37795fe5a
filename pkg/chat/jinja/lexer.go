package jinja

import (
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
