package jinja

import (
	"html"
	"strings"
)

// escapeHTML is markupsafe.escape: markup stays, plain text gets its five characters replaced.
func escapeHTML(x *Str) *Str {
	if x.markup {
		return x
	}
	if !strings.ContainsAny(x.s, `&<>'"`) {
		return x.asMarkup()
	}
	return x.mapRunes(func(piece string, r rune) string {
		switch r {
		case '&':
			return "&amp;"
		case '<':
			return "&lt;"
		case '>':
			return "&gt;"
		case '\'':
			return "&#39;"
		case '"':
			return "&#34;"
		}
		return piece
	}).asMarkup()
}

// stripTags removes comments and tags, collapses white space and resolves entities.
// Positions are lost on the way, so the result is untrusted when any of x was.
func stripTags(x *Str) *Str {
	cut := func(s, open, end string) string {
		var b strings.Builder
		for {
			i := strings.Index(s, open)
			if i < 0 {
				break
			}
			j := strings.Index(s[i:], end)
			if j < 0 {
				break
			}
			b.WriteString(s[:i])
			s = s[i+j+len(end):]
		}
		b.WriteString(s)
		return b.String()
	}
	s := cut(cut(x.s, "<!--", "-->"), "<", ">")
	s = strings.Join(strings.FieldsFunc(s, isSpace), " ")
	return newText(html.UnescapeString(s), x.tainted())
}

// urlQuote is urllib.parse.quote over UTF-8.
func urlQuote(x *Str, safe string, plus bool) *Str {
	const hex = "0123456789ABCDEF"
	var w buf
	x.eachRune(func(piece string, r rune, tainted bool) {
		if r < 0x80 && (isDigit(byte(r)) || r|0x20 >= 'a' && r|0x20 <= 'z' || strings.ContainsRune("_.-~"+safe, r)) {
			w.text(piece, tainted)
			return
		}
		if plus && r == ' ' {
			w.text("+", tainted)
			return
		}
		for i := range len(piece) {
			w.text(string([]byte{'%', hex[piece[i]>>4], hex[piece[i]&15]}), tainted)
		}
	})
	return w.done()
}
