package tokenizer

import "strings"

// DecodeOptions controls Decode.
type DecodeOptions struct {
	// SkipSpecial leaves control tokens out, and the unknown token if the
	// source calls it special.
	SkipSpecial bool
}

// Decode turns tokens into text. Ids without a token are left out. Bytes that
// are not UTF-8 become U+FFFD: one for each maximal part of a character in
// byte-level vocabularies, and in those with <0xXX> tokens one for each token
// of a run that is not UTF-8 as a whole (as the tokenizers package does).
// Blanks before punctuation are never removed.
func (t *Tokenizer) Decode(ids []int32, o DecodeOptions) string {
	d := t.NewDecoder(o)
	d.whole = true
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(d.Push(id))
	}
	out.WriteString(d.Flush())
	return out.String()
}

// StreamDecoder turns tokens into text as they come. It holds back what is not
// yet a whole character. What it returns, put together, is what Decode returns
// for the same tokens, except in a run of byte tokens that turns out not to be
// UTF-8: the characters before the fault have been returned by then.
type StreamDecoder struct {
	t     *Tokenizer
	skip  bool
	whole bool   // hold runs of byte tokens back to their end
	some  bool   // a token has been taken
	bytes []byte // byte-level: start of a character; else byte tokens
	head  int    // how many StripChar may still be dropped at the start
	tail  string // StripChar at the end, held back
}

// NewDecoder starts a stream.
func (t *Tokenizer) NewDecoder(o DecodeOptions) *StreamDecoder {
	return &StreamDecoder{t: t, skip: o.SkipSpecial, head: t.spec.Decode.StripStart}
}

// Push takes a token and returns the text that is complete now.
func (d *StreamDecoder) Push(id int32) string {
	piece, _, ok := d.t.Piece(id)
	if !ok || d.skip && d.t.hidden[id] {
		return ""
	}
	if s, ok := d.t.spelt[id]; ok {
		piece = s
	}
	sp := &d.t.spec.Decode
	first := !d.some
	d.some = true
	if sp.ByteLevel {
		d.bytes = appendUnmapped(d.bytes, piece)
		keep := incomplete(d.bytes)
		out := validString(d.bytes[:len(d.bytes)-keep])
		d.bytes = append(d.bytes[:0], d.bytes[len(d.bytes)-keep:]...)
		return d.strip(out)
	}
	for _, r := range sp.Replace {
		piece = strings.ReplaceAll(piece, r.From, r.To)
	}
	if sp.Metaspace != "" {
		piece = d.metaspace(piece, first && sp.DropFirst)
	}
	if sp.ByteFallback {
		if b, ok := byteOf(piece); ok {
			d.bytes = append(d.bytes, b)
			if d.whole || incomplete(d.bytes) > 0 {
				return ""
			}
			return d.strip(d.endBytes())
		}
	}
	out := d.endBytes()
	if sp.Blank && !first {
		out += " "
	}
	return d.strip(out + piece)
}

// Flush ends the stream and returns the rest.
func (d *StreamDecoder) Flush() string {
	var out string
	if d.t.spec.Decode.ByteLevel {
		out = validString(d.bytes)
		d.bytes = d.bytes[:0]
	} else {
		out = d.endBytes()
	}
	out = d.strip(out)
	n := len(d.tail)
	if c := d.t.spec.Decode.StripChar; c != "" {
		n -= len(c) * min(d.t.spec.Decode.StripEnd, n/len(c))
	}
	out += d.tail[:n]
	d.tail = ""
	return out
}

// endBytes ends a run of byte tokens.
func (d *StreamDecoder) endBytes() string {
	b := d.bytes
	d.bytes = d.bytes[:0]
	for i := 0; i < len(b); {
		n, ok := charLen(string(b[i:min(len(b), i+4)]))
		if !ok {
			return strings.Repeat(replacement, len(b))
		}
		i += n
	}
	return string(b)
}

// metaspace writes blanks for the metaspace character, nothing for the first
// ones of the first token.
func (d *StreamDecoder) metaspace(piece string, drop bool) string {
	c := d.t.spec.Decode.Metaspace
	if drop {
		piece = strings.ReplaceAll(piece, c, "")
	}
	return strings.ReplaceAll(piece, c, " ")
}

// strip drops StripChar at the start of the text and holds it back where the
// text may end.
func (d *StreamDecoder) strip(s string) string {
	sp := &d.t.spec.Decode
	if d.head > 0 && s != "" {
		for d.head > 0 && strings.HasPrefix(s, sp.StripChar) {
			s = s[len(sp.StripChar):]
			d.head--
		}
		if s != "" {
			d.head = 0
		}
	}
	if sp.StripEnd == 0 || s == "" {
		return s
	}
	s = d.tail + s
	end := len(s)
	for k := 0; k < sp.StripEnd && strings.HasSuffix(s[:end], sp.StripChar); k++ {
		end -= len(sp.StripChar)
	}
	d.tail = s[end:]
	return s[:end]
}
