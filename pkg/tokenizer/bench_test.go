package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// benchPipelines are the split patterns on the byte-level vocabulary of
// DeepSeek LLM (100,000 tokens), and the SentencePiece vocabulary.
var benchPipelines = []struct {
	name, vocab string
	pre         []step
	nfc         bool
}{
	{"gpt2", "deepseek-llm", []step{bytesGPT2}, false},
	{"llama3", "deepseek-llm", []step{scan("llama3"), bytesOnly}, false},
	{"qwen2", "deepseek-llm", []step{scan("qwen2"), bytesOnly}, true},
	{"qwen35", "deepseek-llm", []step{scan("qwen35"), bytesOnly}, true},
	{"o200k", "deepseek-llm", []step{scan("o200k"), bytesOnly}, false},
	{"tekken", "deepseek-llm", []step{scan("tekken"), bytesOnly}, false},
	{"deepseek-llm", "deepseek-llm", nil, false},
	{"deepseek-v3", "deepseek-llm", preByName("deepseek-v3").steps, false},
	{"falcon", "falcon", nil, false},
	{"starcoder", "starcoder", nil, false},
	{"llama-spm", "llama-spm", nil, false},
}

// repiped is a tokenizer with another pre-tokenizer.
func repiped(t testing.TB, tok *Tokenizer, pre []step, nfc bool) *Tokenizer {
	t.Helper()
	if pre == nil {
		return tok
	}
	sp := tok.spec
	sp.Pre = pre
	if nfc {
		sp.Norm = []step{{Op: opNFC}}
	}
	out, err := build(tok.v, tok.rules, tok.scores, sp)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// mixedText is text in many scripts, 1 MB, always the same.
func mixedText() string {
	r := rand.New(rand.NewPCG(1, 2))
	words := bytes.Fields([]byte("the quick brown fox don't I'll naïve façade Straße über привет мир как дела это предложение Ελληνικά κείμενο " +
		"你好世界 今天天气很好我们去公园散步吧 日本語の文章を書きます カタカナ 안녕하세요 한국어 문장입니다 สวัสดีครับ ภาษาไทย नमस्ते दुनिया مرحبا بالعالم שלום עולם " +
		"Việt Nam Tiếng 12345 3.14159 foo_bar(x) = y[i] + 0x1F; http://example.org/a?b=c 😀 👨‍👩‍👧 🇩🇪 e\u0301le\u0300ve"))
	var b bytes.Buffer
	for b.Len() < 1<<20 {
		b.Write(words[r.IntN(len(words))])
		switch r.IntN(12) {
		case 0:
			b.WriteString("\n\n")
		case 1:
			b.WriteString("  ")
		case 2:
			b.WriteString(", ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func BenchmarkEncode(b *testing.B) {
	prose, err := os.ReadFile(testutil.SharedData(b, "text/war-and-peace.txt"))
	if err != nil {
		b.Fatal(err)
	}
	texts := []struct{ name, text string }{{"prose", string(prose)}, {"mixed", mixedText()}}
	for _, p := range benchPipelines {
		tok := repiped(b, sharedTokenizer(b, p.vocab), p.pre, p.nfc)
		for _, t := range texts {
			b.Run(p.name+"/"+t.name, func(b *testing.B) {
				cpuTimed(b, len(t.text), func() {
					if _, err := tok.Encode(t.text, EncodeOptions{}); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// syntheticJSON is a tokenizer.json of n tokens: bytes and what random merges
// make of them.
func syntheticJSON(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	var toks []string
	seen := map[string]bool{}
	for _, c := range byteRune {
		toks = append(toks, string(c))
		seen[string(c)] = true
	}
	var merges [][2]string
	for len(toks) < n {
		a := toks[r.IntN(min(len(toks), 40000))]
		c := toks[r.IntN(256)]
		if len(a) > 14 || seen[a+c] {
			continue
		}
		seen[a+c] = true
		toks = append(toks, a+c)
		merges = append(merges, [2]string{a, c})
	}
	var b bytes.Buffer
	b.WriteString(`{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},"post_processor":null,"model":{"type":"BPE","vocab":{`)
	for i, t := range toks {
		k, _ := json.Marshal(t)
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n%s: %d", k, i)
	}
	b.WriteString("},\n\"merges\":[")
	for i, m := range merges {
		k, _ := json.Marshal(m)
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n")
		b.Write(k)
	}
	b.WriteString("]}}")
	return b.Bytes()
}

func BenchmarkFromJSON150k(b *testing.B) {
	data := syntheticJSON(151643)
	cpuTimed(b, len(data), func() {
		if _, err := FromJSON(data, nil); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkLoad150k(b *testing.B) {
	tok, err := FromJSON(syntheticJSON(151643), nil)
	if err != nil {
		b.Fatal(err)
	}
	data, err := tok.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	cpuTimed(b, len(data), func() {
		if _, err := Load(data); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkPeer is run by testdata/gen/speed.py: loading the tokenizer.json and
// encoding the text that two environment variables name.
func BenchmarkPeer(b *testing.B) {
	path, file := os.Getenv("TESSERA_TOKENIZER_JSON"), os.Getenv("TESSERA_TOKENIZER_TEXT")
	if path == "" || file == "" {
		b.Skip("TESSERA_TOKENIZER_JSON or TESSERA_TOKENIZER_TEXT is not set")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var tok *Tokenizer
	b.Run("load", func(b *testing.B) {
		cpuTimed(b, len(data), func() {
			if tok, err = FromJSON(data, nil); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("encode", func(b *testing.B) {
		cpuTimed(b, len(text), func() {
			if _, err := tok.Encode(string(text), EncodeOptions{}); err != nil {
				b.Fatal(err)
			}
		})
	})
}
