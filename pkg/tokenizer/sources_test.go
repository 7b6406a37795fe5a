package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// fakeMetadata is GGUF metadata in a map.
type fakeMetadata map[string]any

func (m fakeMetadata) String(k string) (string, bool)      { v, ok := m[k].(string); return v, ok }
func (m fakeMetadata) Uint(k string) (uint64, bool)        { v, ok := m[k].(uint64); return v, ok }
func (m fakeMetadata) Bool(k string) (bool, bool)          { v, ok := m[k].(bool); return v, ok }
func (m fakeMetadata) Strings(k string) []string           { v, _ := m[k].([]string); return v }
func (m fakeMetadata) Int32s(k string) ([]int32, bool)     { v, ok := m[k].([]int32); return v, ok }
func (m fakeMetadata) Float32s(k string) ([]float32, bool) { v, ok := m[k].([]float32); return v, ok }

// metadataOf writes a byte-level tokenizer as llama.cpp's converter does.
func metadataOf(tok *Tokenizer, pre string) fakeMetadata {
	m := fakeMetadata{ggml + "model": "gpt2", ggml + "pre": pre, ggml + "add_bos_token": false}
	var tokens, merges []string
	var types []int32
	for id := range int32(tok.Size()) {
		p, k, _ := tok.Piece(id)
		tokens = append(tokens, p)
		types = append(types, int32(k))
	}
	for _, r := range tok.rules {
		merges = append(merges, tok.v.piece(r.a)+" "+tok.v.piece(r.b))
	}
	m[ggml+"tokens"], m[ggml+"token_type"], m[ggml+"merges"] = tokens, types, merges
	return m
}

// ggufNames: the pre-tokenizer names of the pipelines.
var ggufNames = map[string]string{
	"gpt2": "gpt-2", "llama3": "llama-bpe", "qwen2": "qwen2", "qwen35": "qwen35", "o200k": "gpt-4o", "tekken": "tekken",
	"deepseek-llm": "deepseek-llm", "deepseek-coder": "deepseek-coder", "deepseek-v3": "deepseek-v3", "falcon": "falcon", "starcoder": "starcoder",
	"cl100k": "dbrx",
}

func smallTokenizer(t testing.TB, name string) *Tokenizer {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/small", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := FromJSON(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// readCases reads the texts of a file of cases.
func readCases(t testing.TB, path string) (texts []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var c diffCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(c.Text))
	}
	return texts
}

// TestSourcesAgree: tokenizer.json, GGUF metadata and the compiled form of one
// tokenizer give the same ids. The added tokens that lstrip or are single
// words are left out, since GGUF cannot say that of them.
func TestSourcesAgree(t *testing.T) {
	for name, pre := range ggufNames {
		fromJSON := smallTokenizer(t, name)
		fromGGUF, err := FromGGUF(metadataOf(fromJSON, pre))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, text := range readCases(t, filepath.Join("testdata/small", name+".cases")) {
			if strings.Contains(text, "single") || strings.Contains(text, "<|end|>") {
				continue
			}
			for _, special := range []bool{false, true} {
				o := EncodeOptions{ParseSpecial: special}
				a, errA := fromJSON.Encode(text, o)
				b, errB := fromGGUF.Encode(text, o)
				if errA != nil || errB != nil || !slices.Equal(a, b) {
					t.Fatalf("%s: %q: tokenizer.json %v, GGUF %v (%v, %v)", name, text, a, b, errA, errB)
				}
				if x, y := fromJSON.Decode(a, DecodeOptions{}), fromGGUF.Decode(a, DecodeOptions{}); x != y {
					t.Fatalf("%s: decode %v: tokenizer.json %q, GGUF %q", name, a, x, y)
				}
			}
		}
	}
}

// TestSharedSourcesAgree is the same for the large vocabularies and the texts
// of the big differential run.
func TestSharedSourcesAgree(t *testing.T) {
	dir := os.Getenv("TESSERA_TOKENIZER_DIFF")
	if dir == "" {
		t.Skip("TESSERA_TOKENIZER_DIFF is not set")
	}
	for name, vocab := range map[string]string{"gpt2": "gpt-2", "falcon": "falcon", "starcoder": "starcoder", "deepseek-llm": "deepseek-llm", "llama2": "llama-spm"} {
		fromGGUF := sharedTokenizer(t, vocab)
		data, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, err := FromJSON(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, bad := 0, 0
		for _, text := range readCases(t, filepath.Join(dir, name+".cases")) {
			if strings.Contains(text, "single") || strings.Contains(text, "<think>") || !utf8.ValidString(text) {
				continue // added for the differential run; the kind "llama" keeps bytes
			}
			n++
			a, errA := fromJSON.Encode(text, EncodeOptions{})
			b, errB := fromGGUF.Encode(text, EncodeOptions{})
			if errA != nil || errB != nil || !slices.Equal(a, b) {
				if bad++; bad < 4 {
					t.Errorf("%s: %q:\n tokenizer.json %q\n GGUF %q (%v, %v)", name, text, showPieces(fromJSON, a), showPieces(fromGGUF, b), errA, errB)
				}
			}
		}
		t.Logf("%s: %d texts, %d differ", name, n, bad)
	}
}

// TestCompiled: the compiled form is deterministic, and reading and writing it
// again gives the same bytes.
func TestCompiled(t *testing.T) {
	files, _ := filepath.Glob("testdata/small/*.json")
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		a, err := smallTokenizer(t, name).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		b, err := smallTokenizer(t, name).MarshalBinary()
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: two runs differ (%v)", name, err)
		}
		tok, err := Load(a)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c, err := tok.MarshalBinary(); err != nil || !bytes.Equal(a, c) {
			t.Errorf("%s: read and written again it differs (%v)", name, err)
		}
	}
}
