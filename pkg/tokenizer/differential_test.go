package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// diffCase is one line that testdata/gen/differential.py or small.py writes.
type diffCase struct {
	Text    []byte  `json:"text"`
	IDs     []int32 `json:"ids"`
	Offsets []int   `json:"offsets"` // in characters
	Plain   []int32 `json:"plain"`   // without special tokens, null if equal to IDs
	Decoded string  `json:"decoded"`
	Skipped string  `json:"skipped"`
}

// exactOffsets: the pipelines that do not change the text, where our offsets
// can be held against those of the tokenizers package. (Falcon cuts inside
// characters and StarCoder lacks some bytes; the package then shifts offsets.)
var exactOffsets = []string{"gpt2", "llama3", "cl100k", "o200k", "tekken", "deepseek-llm", "deepseek-coder", "deepseek-v3", "regex", "behaviors"}

// TestDifferential compares with what the Python package made of random texts.
// The data is written by testdata/gen/differential.py; TESSERA_TOKENIZER_DIFF
// names its directory.
func TestDifferential(t *testing.T) {
	dir := os.Getenv("TESSERA_TOKENIZER_DIFF")
	if dir == "" {
		t.Skip("TESSERA_TOKENIZER_DIFF is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.cases"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".cases"), func(t *testing.T) { compareCases(t, f) })
	}
}

func compareCases(t *testing.T, path string) {
	data, err := os.ReadFile(strings.TrimSuffix(path, ".cases") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := FromJSON(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := tok.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(packed)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := strings.TrimSuffix(filepath.Base(path), ".cases")
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	n, tokens := 0, 0
	for bad := 0; in.Scan() && bad < 5; n++ {
		var c diffCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		tokens += len(c.IDs)
		use := tok
		if n%2 == 1 {
			use = loaded
		}
		if !compareCase(t, use, &c, slices.Contains(exactOffsets, name)) {
			bad++
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d texts, %d tokens", n, tokens)
}

func compareCase(t *testing.T, tok *Tokenizer, c *diffCase, offsets bool) bool {
	t.Helper()
	text := string(c.Text)
	got, err := tok.Encode(text, EncodeOptions{ParseSpecial: true})
	if err != nil {
		t.Errorf("%q: %v", text, err)
		return false
	}
	if !slices.Equal(got, c.IDs) {
		k := 0
		for k < len(got) && k < len(c.IDs) && got[k] == c.IDs[k] {
			k++
		}
		t.Errorf("%q:\n differs at token %d\n got %v\nwant %v\n got %q\nwant %q", text, k, got, c.IDs, showPieces(tok, got[max(0, k-2):]), showPieces(tok, c.IDs[max(0, k-2):]))
		return false
	}
	plain := c.Plain
	if plain == nil {
		plain = c.IDs
	}
	got, err = tok.Encode(text, EncodeOptions{})
	if hasControl(tok, plain) { // a Unigram model of the package makes them of text; ours must not
		if err != nil || hasControl(tok, got) {
			t.Errorf("%q without special tokens: got %q (%v)", text, showPieces(tok, got), err)
			return false
		}
	} else if err != nil || !slices.Equal(got, plain) {
		t.Errorf("%q without special tokens:\n got %q\nwant %q (%v)", text, showPieces(tok, got), showPieces(tok, plain), err)
		return false
	}
	if got := tok.Decode(c.IDs, DecodeOptions{}); got != c.Decoded {
		t.Errorf("decode of %q:\n got %q\nwant %q", text, got, c.Decoded)
		return false
	}
	if got := tok.Decode(c.IDs, DecodeOptions{SkipSpecial: true}); got != c.Skipped {
		t.Errorf("decode of %q, specials skipped:\n got %q\nwant %q", text, got, c.Skipped)
		return false
	}
	return compareOffsets(t, tok, c, text, offsets)
}

func hasControl(tok *Tokenizer, ids []int32) bool {
	return slices.ContainsFunc(ids, func(id int32) bool {
		_, k, _ := tok.Piece(id)
		return k == Control
	})
}

// compareOffsets checks that EncodeOffsets gives the same ids, and their
// places widened to whole characters.
func compareOffsets(t *testing.T, tok *Tokenizer, c *diffCase, text string, exact bool) bool {
	t.Helper()
	got, err := tok.EncodeOffsets(text, EncodeOptions{ParseSpecial: true})
	if err != nil || len(got) != len(c.IDs) {
		t.Errorf("%q: %d tokens with offsets, want %d (%v)", text, len(got), len(c.IDs), err)
		return false
	}
	chars := -1
	if exact && utf8.ValidString(text) {
		chars = 0
	}
	at := 0
	index := func(b int) int { // characters before byte b
		for b < len(text) && !utf8.RuneStart(text[b]) {
			b--
		}
		return utf8.RuneCountInString(text[:b])
	}
	for i, x := range got {
		if x.ID != c.IDs[i] || x.Start < 0 || x.End > len(text) || x.Start > x.End || x.Start < at {
			t.Errorf("%q: token %d is %v, want id %d in order", text, i, x, c.IDs[i])
			return false
		}
		at = x.Start
		if chars < 0 || len(text) > 400 {
			continue
		}
		end := x.End
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end++
		}
		if a, b := index(x.Start), utf8.RuneCountInString(text[:end]); a != c.Offsets[2*i] || b != c.Offsets[2*i+1] {
			t.Errorf("%q: token %d at characters %d-%d, want %d-%d", text, i, a, b, c.Offsets[2*i], c.Offsets[2*i+1])
			return false
		}
	}
	return true
}

func showPieces(tok *Tokenizer, ids []int32) []string {
	var out []string
	for _, id := range ids[:min(len(ids), 40)] {
		p, _, _ := tok.Piece(id)
		out = append(out, p)
	}
	return out
}
