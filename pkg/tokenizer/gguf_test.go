package tokenizer

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/gguf"
)

var sharedVocabs = []string{"deepseek-llm", "falcon", "gpt-2", "llama-spm", "starcoder"}

// sharedTokenizer loads one of the vocabularies of the shared data.
func sharedTokenizer(t testing.TB, name string) *Tokenizer {
	t.Helper()
	f, err := gguf.Open(testutil.SharedData(t, "vocab/ggml-vocab-"+name+".gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// sharedCases reads the texts and the ids that llama.cpp's own test expects.
func sharedCases(t testing.TB, name string) (texts []string, ids [][]int32) {
	t.Helper()
	base := testutil.SharedData(t, "vocab/ggml-vocab-"+name+".gguf")
	inp, err := os.ReadFile(base + ".inp")
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(base + ".out")
	if err != nil {
		t.Fatal(err)
	}
	texts = strings.Split(string(inp), "\n__ggml_vocab_test__\n")
	lines := strings.Split(string(out), "\n")
	if n := len(lines) - len(texts); n == 1 && lines[len(lines)-1] == "" {
		lines = lines[:len(texts)]
	}
	if len(lines) != len(texts) {
		t.Fatalf("%s: %d texts, %d lines of ids", name, len(texts), len(lines))
	}
	for _, l := range lines {
		var row []int32
		for _, f := range strings.Fields(l) {
			n, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, int32(n))
		}
		ids = append(ids, row)
	}
	return texts, ids
}

// TestSharedVocabularies: 47 texts and 5 vocabularies, from GGUF.
func TestSharedVocabularies(t *testing.T) {
	for _, name := range sharedVocabs {
		t.Run(name, func(t *testing.T) {
			tok := sharedTokenizer(t, name)
			texts, want := sharedCases(t, name)
			for i, text := range texts {
				got, err := tok.Encode(text, EncodeOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if fmt.Sprint(got) != fmt.Sprint(want[i]) {
					t.Errorf("%q:\n got %v\nwant %v", text, got, want[i])
				}
				if back := tok.Decode(got, DecodeOptions{}); back != text {
					t.Errorf("%q: decodes as %q", text, back)
				}
			}
			t.Logf("%d texts", len(texts))
		})
	}
}
