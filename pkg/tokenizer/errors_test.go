package tokenizer

import (
	"encoding/binary"
	"maps"
	"strings"
	"testing"
)

// wrap puts members around a small valid model.
func wrap(members string) string {
	return `{"version":"1.0","added_tokens":[],"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}` + members + `}`
}

// TestJSONErrors: what is not understood is an error that says what.
func TestJSONErrors(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{`{}`, "no model"},
		{`[]`, "want an object"},
		{`{"model":{"type":"WordPiece","vocab":{}}}`, `"WordPiece" is not supported`},
		{`{"model":{"type":"BPE","vocab":{}}}`, "no merges"},
		{`{"model":{"type":"BPE","vocab":{"a":0},"merges":["a c"]}}`, `merge of "c"`},
		{`{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}`, "result is not in the vocabulary"},
		{`{"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}}`, "same id 0"},
		{`{"model":{"type":"BPE","vocab":{"a":99999999},"merges":[]}}`, "id 99999999"},
		{`{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}`, "id -1"},
		{`{"model":{"type":"BPE","vocab":{"a":1.5},"merges":[]}}`, "whole number"},
		{`{"model":{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}}`, "dropout"},
		{`{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"a":0},"merges":[]}}`, "end_of_word_suffix"},
		{`{"model":{"type":"BPE","unk_token":"?","vocab":{"a":0},"merges":[]}}`, `unk_token "?"`},
		{`{"model":{"type":"Unigram","unk_id":7,"vocab":[["a",0]]}}`, "unk_id 7"},
		{`{"model":{"type":"Unigram","vocab":[["a"]]}}`, "1 members"},
		{wrap(`,"version":"2.0"`), "duplicate"},
		{`{"version":"2.0"}`, `version "2.0"`},
		{wrap(`,"normalizer":{"type":"Precompiled"}`), `"Precompiled" is not supported`},
		{wrap(`,"normalizer":{"type":"BertNormalizer"}`), `"BertNormalizer" is not supported`},
		{wrap(`,"normalizer":{"type":"Replace","pattern":{"String":""},"content":"x"}`), "empty pattern"},
		{wrap(`,"pre_tokenizer":{"type":"UnicodeScripts"}`), "UnicodeScripts"},
		{wrap(`,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"[a&&b]"},"behavior":"Isolated","invert":false}`), "&&"},
		{wrap(`,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a"},"behavior":"Sideways","invert":false}`), "Sideways"},
		{wrap(`,"pre_tokenizer":{"type":"Metaspace","replacement":"__"}`), "not one character"},
		{wrap(`,"pre_tokenizer":{"type":"ByteLevel"}`), "add_prefix_space"},
		{wrap(`,"decoder":{"type":"WordPiece"}`), `"WordPiece" is not supported`},
		{wrap(`,"decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"ByteFallback"}]}`), "ByteFallback at place 2"},
		{wrap(`,"post_processor":{"type":"Other"}`), `"Other" is not supported`},
		{wrap(`,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}]}`), `special token "x"`},
		{wrap(`,"post_processor":{"type":"TemplateProcessing","single":[]}`), "occurs 0 times"},
		{wrap(`,"post_processor":{"type":"BertProcessing","cls":["a",77],"sep":["b",1]}`), "token 77"},
		{`{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":[{"id":5,"content":"x"}]}`, "id 5 in the file"},
		{wrap(``) + `x`, "after the JSON value"},
	} {
		_, err := FromJSON([]byte(c.json), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "tokenizer.json: ") {
			t.Errorf("%s:\n got %v\nwant %s", c.json, err, c.want)
		}
	}
	if _, err := FromJSON([]byte(wrap("")), []byte(`{"bos_token":"zzz"}`)); err == nil || !strings.Contains(err.Error(), "zzz") {
		t.Errorf("bos_token: %v", err)
	}
	if _, err := FromJSON([]byte(wrap("")), nil); err != nil {
		t.Error(err)
	}
}

func TestGGUFErrors(t *testing.T) {
	good := metadataOf(smallTokenizer(t, "gpt2"), "gpt-2")
	if _, err := FromGGUF(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key   string
		value any
		want  string
	}{
		{"model", nil, "model is absent"},
		{"model", "bert", `"bert"`},
		{"model", "t5", `"t5"`},
		{"pre", nil, "pre is absent"},
		{"pre", "brand-new", `"brand-new"`},
		{"pre", "default", `"default"`},
		{"tokens", nil, "tokens is absent"},
		{"tokens", []string{"a", "a"}, "token_type: "},
		{"merges", nil, "merges is absent"},
		{"merges", []string{"ab"}, "not two tokens"},
		{"merges", []string{" "}, "not two tokens"},
		{"merges", []string{"zz yy"}, `"zz"`},
		{"token_type", []int32{1}, "1 entries"},
		{"bos_token_id", uint64(1 << 40), "outside the vocabulary"},
		{"add_bos_token", true, "bos_token_id is absent"},
		{"model", "llama", "scores is absent"},
	} {
		m := maps.Clone(good)
		if c.value == nil {
			delete(m, ggml+c.key)
		} else {
			m[ggml+c.key] = c.value
		}
		_, err := FromGGUF(m)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "tokenizer in GGUF: ") {
			t.Errorf("%s = %v:\n got %v\nwant %s", c.key, c.value, err, c.want)
		}
	}
	m := maps.Clone(good)
	types := append([]int32(nil), m[ggml+"token_type"].([]int32)...)
	types[3] = 9
	m[ggml+"token_type"] = types
	if _, err := FromGGUF(m); err == nil || !strings.Contains(err.Error(), "type 9") {
		t.Errorf("type 9: %v", err)
	}
}

// TestOllamaGptOss: files without a pre-tokenizer of the architecture that
// only Ollama writes.
func TestOllamaGptOss(t *testing.T) {
	m := metadataOf(smallTokenizer(t, "o200k"), "default")
	m["general.architecture"] = "gptoss"
	if _, err := FromGGUF(m); err != nil {
		t.Error(err)
	}
	m["general.architecture"] = "gpt2"
	if _, err := FromGGUF(m); err == nil {
		t.Error("pre-tokenizer \"default\" accepted")
	}
}

// TestPreNames: each name once, every row builds.
func TestPreNames(t *testing.T) {
	tok := smallTokenizer(t, "gpt2")
	seen := map[string]bool{}
	for _, row := range preRows {
		for _, n := range row.names {
			if seen[n] {
				t.Errorf("%s twice", n)
			}
			seen[n] = true
			m := metadataOf(tok, n)
			delete(m, ggml+"add_bos_token")
			m[ggml+"bos_token_id"] = uint64(0)
			got, err := FromGGUF(m)
			if err != nil {
				t.Errorf("%s: %v", n, err)
			} else if got.AddBOS() != row.addBOS {
				t.Errorf("%s: adds bos: %v", n, got.AddBOS())
			}
		}
	}
}

// TestLoadErrors: every byte of the header and many of the rest damaged.
func TestLoadErrors(t *testing.T) {
	data, err := smallTokenizer(t, "llama2").MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(data) {
		if n < 200 || n%37 == 0 {
			if _, err := Load(data[:n]); err == nil {
				t.Errorf("%d of %d bytes were accepted", n, len(data))
			}
		}
	}
	for i := 0; i < len(data); i++ {
		for _, x := range []byte{0xFF, 0x80, 0x01} {
			if i > 2000 && i%101 != 0 {
				continue
			}
			bad := append([]byte(nil), data...)
			bad[i] ^= x
			tok, err := Load(bad)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "compiled tokenizer: ") {
					t.Errorf("byte %d: %v", i, err)
				}
				continue
			}
			ids, err := tok.Encode("The quick brown fox 12 \u4f60\u597d", EncodeOptions{AddSpecial: true})
			if err == nil {
				tok.Decode(ids, DecodeOptions{})
			}
		}
	}
	old := append([]byte(nil), data...)
	binary.LittleEndian.PutUint32(old[len(binaryMagic):], 99)
	if _, err := Load(old); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("version: %v", err)
	}
}

// TestExpansion: a normaliser that would fill the memory is stopped.
func TestExpansion(t *testing.T) {
	big := strings.Repeat("aaaa", 1000)
	steps := strings.Repeat(`{"type":"Replace","pattern":{"String":"a"},"content":"`+big+`"},`, 5)
	tok, err := FromJSON([]byte(wrap(`,"normalizer":{"type":"Sequence","normalizers":[`+strings.TrimSuffix(steps, ",")+`]}`)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Encode("aaaaaaaaaa", EncodeOptions{}); err == nil {
		t.Error("no error")
	}
}
