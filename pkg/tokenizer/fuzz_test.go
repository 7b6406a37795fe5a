package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"
)

const fuzzText = "The quick brown fox, I'll 123 \u4f60\u597d e\u0301 \U0001F600 \xff <s> <think>\n\n  x"

// exercise runs a tokenizer that may be damaged.
func exercise(t *testing.T, tok *Tokenizer) {
	for _, o := range []EncodeOptions{{}, {AddSpecial: true, ParseSpecial: true}} {
		ids, err := tok.Encode(fuzzText, o)
		if err != nil {
			continue
		}
		for _, id := range ids {
			if _, _, ok := tok.Piece(id); !ok {
				t.Fatalf("encoded to token %d, which does not exist", id)
			}
		}
		if s := tok.Decode(ids, DecodeOptions{}); !utf8.ValidString(s) && utf8.ValidString(tok.v.blob) {
			t.Fatalf("decoded to %q", s)
		}
		if toks, err := tok.EncodeOffsets(fuzzText, o); err == nil && len(toks) != len(ids) {
			t.Fatalf("%d tokens, %d with offsets", len(ids), len(toks))
		}
	}
}

func FuzzFromJSON(f *testing.F) {
	files, _ := filepath.Glob("testdata/small/*.json")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(wrap(`,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Removed","invert":true}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := FromJSON(data, nil)
		if err != nil {
			return
		}
		exercise(t, tok)
		packed, err := tok.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(packed)
		if err != nil {
			t.Fatalf("compiled form is not read back: %v", err)
		}
		a, errA := tok.Encode(fuzzText, EncodeOptions{})
		b, errB := loaded.Encode(fuzzText, EncodeOptions{})
		if !slices.Equal(a, b) || (errA == nil) != (errB == nil) {
			t.Fatalf("source %v (%v), compiled %v (%v)", a, errA, b, errB)
		}
	})
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"gpt2", "llama2", "unigram", "norms", "behaviors"} {
		data, err := smallTokenizer(f, name).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if tok, err := Load(data); err == nil {
			exercise(t, tok)
		}
	})
}

// FuzzRoundTrip: byte-level vocabularies give the text back, in one piece and
// as a stream, and offsets lie in order.
func FuzzRoundTrip(f *testing.F) {
	var toks []*Tokenizer
	for _, name := range []string{"gpt2", "llama3", "o200k", "tekken", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "starcoder", "regex"} {
		toks = append(toks, smallTokenizer(f, name))
	}
	f.Add(fuzzText)
	f.Add("")
	f.Add(" \t\r\n'S'll\u017f\u1c89\U000113c0\u0345\u0334 HTTPServer's")
	f.Fuzz(func(t *testing.T, text string) {
		want := validString([]byte(text))
		for _, tok := range toks {
			toks, err := tok.EncodeOffsets(text, EncodeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			ids, err := tok.Encode(text, EncodeOptions{})
			if err != nil || len(ids) != len(toks) {
				t.Fatalf("%d and %d tokens, %v", len(ids), len(toks), err)
			}
			at := 0
			d := tok.NewDecoder(DecodeOptions{})
			stream := ""
			for i, id := range ids {
				if toks[i].ID != id || toks[i].Start < at || toks[i].End < toks[i].Start || toks[i].End > len(text) {
					t.Fatalf("token %d: %v after %d", i, toks[i], at)
				}
				at = toks[i].Start
				s := d.Push(id)
				if !utf8.ValidString(s) {
					t.Fatalf("half a character: %q", s)
				}
				stream += s
			}
			stream += d.Flush()
			if got := tok.Decode(ids, DecodeOptions{}); got != want || stream != want {
				t.Fatalf("%q decodes as %q, as a stream %q", want, got, stream)
			}
		}
	})
}
