package chat

import (
	"strings"
	"testing"
)

// FuzzSelect reads anything as the files of a checkpoint and as conversations: errors, no panic, and a template
// only with a name.
func FuzzSelect(f *testing.F) {
	for _, s := range []string{
		`{"chat_template": "T"}`, `{"chat_template": [{"name": "default", "template": "T"}]}`, `{"chat_template": {"a": "b"}}`, `{"chat_template": [[]]}`,
		`[{"role": "user", "content": [{"type": "text"}]}]`, `{"a": 1e999, "b": -0, "c": 123456789012345678901234567890}`, `"\ud800"`, `{"a": {"a": {"a"`,
		strings.Repeat("[", 600) + strings.Repeat("]", 600), `{"chat_template": "a", "chat_template": "b"}`,
	} {
		f.Add([]byte(s), []byte("{{ x }}"))
	}
	f.Fuzz(func(t *testing.T, data, jinja []byte) {
		for _, s := range []Sources{{TokenizerConfig: data, Jinja: jinja}, {ChatTemplate: data}, {Jinja: jinja, Additional: []NamedFile{{"x", data}}}} {
			got, err := Select(s)
			if err != nil {
				continue
			}
			for _, n := range got.List {
				if n.Name == "" || n.From == "" {
					t.Errorf("template without name or origin: %+v", n)
				}
			}
			if _, err := got.Pick(got.List[0].Name, false); err != nil {
				t.Error(err)
			}
		}
		if m, err := ParseMessages(data); err == nil {
			for i := range m {
				if _, err := m[i].toMap(reasoningKeys[0]); err != nil {
					t.Error(err)
				}
			}
		}
		_, _ = ParseTools(data)
	})
}
