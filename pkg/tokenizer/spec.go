package tokenizer

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"
)

// spec is everything about a tokenizer but its tables: what the sources are
// translated to, what the compiled form stores, and what the pipeline is built
// from.
type spec struct {
	Model  modelSpec
	Added  []addedToken `json:",omitempty"`
	Norm   []step       `json:",omitempty"`
	Pre    []step       `json:",omitempty"`
	Prefix []int32      `json:",omitempty"` // special tokens before the text
	Suffix []int32      `json:",omitempty"` // and after it
	Decode decodeSpec
	BOS    int32 // -1: none
	EOS    int32
	Name   string `json:",omitempty"` // of the pre-tokenizer in GGUF
}

// maxAdded bounds the text of an added token and of what a normaliser writes.
const maxAdded = 4096

// The models.
const (
	modelBPE     = "bpe"     // ranked merges
	modelSPM     = "spm"     // merges in the order of token scores
	modelUnigram = "unigram" // most probable segmentation
)

type modelSpec struct {
	Kind         string
	ByteLevel    bool  `json:",omitempty"` // symbols are bytes, spelt as in bytelevel.go
	Unk          int32 // -1: none
	FuseUnk      bool  `json:",omitempty"`
	ByteFallback bool  `json:",omitempty"`
	IgnoreMerges bool  `json:",omitempty"` // a word that is a token is that token
	WholeLines   bool  `json:",omitempty"` // the same for words of newlines only
	RawBytes     bool  `json:",omitempty"` // bytes that are not UTF-8 reach the model
}

// addedToken is matched in the text before the model sees it.
type addedToken struct {
	ID         int32
	Content    string
	Special    bool `json:",omitempty"`
	Normalized bool `json:",omitempty"`
	LStrip     bool `json:",omitempty"`
	RStrip     bool `json:",omitempty"`
	SingleWord bool `json:",omitempty"`
}

// step is one normaliser or pre-tokenizer.
type step struct {
	Op       string
	Pattern  string         `json:",omitempty"` // what to find
	Literal  bool           `json:",omitempty"` // Pattern is text, not a regular expression
	Text     string         `json:",omitempty"` // what to write
	Behavior split.Behavior `json:",omitempty"`
	Invert   bool           `json:",omitempty"`
	Left     bool           `json:",omitempty"`
	Right    bool           `json:",omitempty"`
	Prefix   string         `json:",omitempty"` // metaspace: first, always; byte-level: always
	Split    bool           `json:",omitempty"` // metaspace: cut at Text; byte-level: by the GPT-2 pattern; digits: one by one
}

// decodeSpec says how tokens become text.
type decodeSpec struct {
	ByteLevel    bool      `json:",omitempty"`
	Replace      []replace `json:",omitempty"` // in each token, in order
	Metaspace    string    `json:",omitempty"` // character that stands for a blank
	DropFirst    bool      `json:",omitempty"` // metaspace: none at the start of the first token
	ByteFallback bool      `json:",omitempty"` // <0xXX> is a byte
	StripChar    string    `json:",omitempty"`
	StripStart   int       `json:",omitempty"` // at most so many StripChar at the start of the text
	StripEnd     int       `json:",omitempty"`
	Blank        bool      `json:",omitempty"` // tokens are joined with a blank
}

type replace struct{ From, To string }

// check verifies a spec that may come from a damaged file.
func (s *spec) check(v *vocab) error {
	n := int64(v.size())
	id := func(what string, x int32, optional bool) error {
		if optional && x == -1 || x >= 0 && int64(x) < n {
			return nil
		}
		return fmt.Errorf("%s: token %d, outside the vocabulary of %d", what, x, n)
	}
	switch s.Model.Kind {
	case modelBPE, modelSPM, modelUnigram:
	default:
		return fmt.Errorf("model %q: unknown kind", s.Model.Kind)
	}
	for _, x := range []struct {
		what string
		id   int32
	}{{"unknown token", s.Model.Unk}, {"bos", s.BOS}, {"eos", s.EOS}} {
		if err := id(x.what, x.id, true); err != nil {
			return err
		}
	}
	for _, a := range s.Added {
		if err := id(fmt.Sprintf("added token %q", a.Content), a.ID, false); err != nil {
			return err
		}
		if a.Content == "" || len(a.Content) > maxAdded {
			return fmt.Errorf("added token %d is %d bytes long, want 1 to %d", a.ID, len(a.Content), maxAdded)
		}
	}
	for _, list := range [][]int32{s.Prefix, s.Suffix} {
		for _, x := range list {
			if err := id("post-processor", x, false); err != nil {
				return err
			}
		}
	}
	mapped := 0
	for _, st := range s.Norm {
		if st.Op == opMapBytes {
			mapped++
		}
		if len(st.Text) > maxAdded {
			return fmt.Errorf("normalizer %s writes %d bytes, at most %d are allowed", st.Op, len(st.Text), maxAdded)
		}
	}
	if mapped > 1 || len(s.Norm) > maxSteps || len(s.Pre) > maxSteps {
		return fmt.Errorf("%d normalizers (%d byte-level), %d pre-tokenizers", len(s.Norm), mapped, len(s.Pre))
	}
	d := &s.Decode
	if d.StripStart < 0 || d.StripEnd < 0 || d.StripStart > math.MaxInt32 || d.StripEnd > math.MaxInt32 {
		return fmt.Errorf("decoder strips %d and %d characters", d.StripStart, d.StripEnd)
	}
	for _, c := range []string{d.Metaspace, d.StripChar} {
		if c != "" && utf8.RuneCountInString(c) != 1 {
			return fmt.Errorf("decoder: %q is not one character", c)
		}
	}
	if (d.StripStart > 0 || d.StripEnd > 0) && d.StripChar == "" {
		return fmt.Errorf("decoder strips no character")
	}
	for _, r := range d.Replace {
		if r.From == "" {
			return fmt.Errorf("decoder replaces the empty text")
		}
	}
	return nil
}
