package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func gguf(kv ...string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == key {
				return kv[i+1], true
			}
		}
		return "", false
	}
}

func TestSelect(t *testing.T) {
	for _, c := range []struct {
		name string
		src  Sources
		want string // name=source@from, space separated; or an error after !
	}{
		{"nothing", Sources{}, "!no chat template"},
		{"config without template", Sources{TokenizerConfig: []byte(`{"a": 1}`)}, "!no chat template"},
		{"null", Sources{TokenizerConfig: []byte(`{"chat_template": null}`)}, "!no chat template"},
		{"string", Sources{TokenizerConfig: []byte(`{"chat_template": "T"}`)}, "default=T@tokenizer_config.json chat_template"},
		{"list", Sources{TokenizerConfig: []byte(`{"chat_template": [{"name": "tool_use", "template": "U"}, {"name": "default", "template": "T"}]}`)},
			"default=T@tokenizer_config.json chat_template tool_use=U@tokenizer_config.json chat_template"},
		{"object", Sources{ChatTemplate: []byte(`{"chat_template": {"rag": "R"}}`)}, "rag=R@chat_template.json chat_template"},
		{"config before jinja", Sources{TokenizerConfig: []byte(`{"chat_template": "T"}`), Jinja: []byte("J"), ChatTemplate: []byte(`{"chat_template": "T"}`)},
			"default=T@tokenizer_config.json chat_template shadowed chat_template.jinja"},
		{"jinja before json", Sources{TokenizerConfig: []byte(`{}`), Jinja: []byte("J"), Additional: []NamedFile{{"rag", []byte("R")}}, ChatTemplate: []byte(`{"chat_template": "C"}`)},
			"default=J@chat_template.jinja rag=R@additional_chat_templates/rag.jinja shadowed chat_template.json chat_template"},
		{"json", Sources{ChatTemplate: []byte(`{"chat_template": "C"}`)}, "default=C@chat_template.json chat_template"},
		{"gguf", Sources{GGUF: gguf("tokenizer.chat_template", "G", "tokenizer.chat_template.rag", "R"), GGUFNames: []string{"rag", "default"}},
			"default=G@tokenizer.chat_template rag=R@tokenizer.chat_template.rag"},
		{"gguf without", Sources{GGUF: gguf()}, "!no chat template"},
		{"gguf name missing", Sources{GGUF: gguf("tokenizer.chat_template", "G"), GGUFNames: []string{"rag"}}, "!tokenizer.chat_template.rag is missing"},
		{"gguf name twice", Sources{GGUF: gguf("tokenizer.chat_template.rag", "G"), GGUFNames: []string{"rag", "rag"}}, "!twice"},
		{"number", Sources{TokenizerConfig: []byte(`{"chat_template": 5}`)}, "!want text, a list or an object"},
		{"bad list", Sources{TokenizerConfig: []byte(`{"chat_template": [{"name": "x"}]}`)}, "!chat_template[0]"},
		{"list of text", Sources{TokenizerConfig: []byte(`{"chat_template": ["x"]}`)}, "!chat_template[0]"},
		{"list with a name twice", Sources{TokenizerConfig: []byte(`{"chat_template": [{"name": "a", "template": ""}, {"name": "a", "template": ""}]}`)}, "!twice"},
		{"bad JSON", Sources{TokenizerConfig: []byte(`{`)}, "!tokenizer_config.json"},
		{"no object", Sources{ChatTemplate: []byte(`[]`)}, "!chat_template.json: want a JSON object"},
		{"file twice", Sources{Jinja: []byte("J"), Additional: []NamedFile{{"default", nil}}}, "!twice"},
		{"too many", Sources{TokenizerConfig: []byte(`{"chat_template": {` + manyTemplates(100) + `}}`)}, "!100 chat templates"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Select(c.src)
			if msg, isErr := strings.CutPrefix(c.want, "!"); isErr {
				if err == nil || !strings.Contains(err.Error(), msg) {
					t.Errorf("error %v, want %q", err, msg)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, n := range got.List {
				parts = append(parts, n.Name+"="+n.Source+"@"+n.From)
			}
			for _, s := range got.Shadowed {
				parts = append(parts, "shadowed "+s)
			}
			if s := strings.Join(parts, " "); s != c.want {
				t.Errorf("got %s\nwant %s", s, c.want)
			}
		})
	}
}

func manyTemplates(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(`"t%d": ""`, i))
	}
	return strings.Join(parts, ",")
}

func TestPick(t *testing.T) {
	two := Templates{List: []Named{{Name: "default"}, {Name: "tool_use"}}}
	one := Templates{List: []Named{{Name: "rag"}}}
	several := Templates{List: []Named{{Name: "rag"}, {Name: "other"}}}
	for _, c := range []struct {
		from  Templates
		name  string
		tools bool
		want  string
	}{
		{two, "", false, "default"}, {two, "", true, "tool_use"}, {two, "tool_use", false, "tool_use"}, {two, "default", true, "default"},
		{one, "", true, "rag"}, {several, "", false, "!has rag, other"}, {two, "nope", false, `!no chat template "nope"`}, {Templates{}, "", false, "!no chat template"},
	} {
		got, err := c.from.Pick(c.name, c.tools)
		if msg, isErr := strings.CutPrefix(c.want, "!"); isErr {
			if err == nil || !strings.Contains(err.Error(), msg) {
				t.Errorf("Pick(%q, %v): error %v, want %q", c.name, c.tools, err, msg)
			}
		} else if err != nil || got.Name != c.want {
			t.Errorf("Pick(%q, %v) = %q, %v; want %q", c.name, c.tools, got.Name, err, c.want)
		}
	}
	if _, err := Select(Sources{}); !errors.Is(err, ErrNoTemplate) {
		t.Error(err)
	}
}

// fakeVocab numbers its pieces; those in angle brackets, or listed, are control tokens.
type fakeVocab []string

func (v fakeVocab) Size() int { return len(v) }

func (v fakeVocab) TokenID(piece string) (int32, bool) {
	i := slices.Index(v, strings.TrimPrefix(piece, "text:"))
	return int32(i), i >= 0
}

func (v fakeVocab) Control(id int32) bool { return strings.ContainsAny(v[id], "<[") }

func TestStopTokens(t *testing.T) {
	for _, c := range []struct {
		name  string
		vocab fakeVocab
		src   StopSources
		want  []int32
		err   string
	}{
		{name: "nothing", vocab: fakeVocab{"a"}},
		{name: "union", vocab: fakeVocab{"a", "b", "<|im_end|>", "<|endoftext|>", "c"}, src: StopSources{Config: []int32{3}, Generation: []int32{2, 3}, Tokenizer: []int32{2}, GGUF: []int32{4}}, want: []int32{2, 3, 4}},
		{name: "terminators by text", vocab: fakeVocab{"</s>", "<|eot_id|>", "<|eom_id|>", "<|x|>", "[EOS]", "<｜end▁of▁sentence｜>"}, want: []int32{0, 1, 2, 4, 5}},
		{name: "text tokens do not count", vocab: fakeVocab{"EOT", "eos"}},
		{name: "gpt-oss", vocab: fakeVocab{"<|end|>", "<|return|>", "<|call|>"}, src: StopSources{Config: []int32{0, 1}}, want: []int32{1, 2}},
		{name: "end alone", vocab: fakeVocab{"<|end|>", "<|return|>"}, want: []int32{0, 1}},
		{name: "gemma4", vocab: fakeVocab{"</s>", "<turn|>", "<|tool_response>", "<eos>"}, want: []int32{1, 2, 3}},
		{name: "out of range", vocab: fakeVocab{"a"}, src: StopSources{Generation: []int32{7}}, err: "generation_config.json eos_token_id: token 7, the vocabulary has 1"},
		{name: "negative", vocab: fakeVocab{"a"}, src: StopSources{GGUF: []int32{-1}}, err: "token -1"},
	} {
		got, err := StopTokens(c.vocab, c.src)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}
