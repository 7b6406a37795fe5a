package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/chat/jinja"
)

// Sources are the places of a checkpoint that may hold templates, as bytes; absent ones are nil or empty.
type Sources struct {
	TokenizerConfig []byte      // tokenizer_config.json
	Jinja           []byte      // chat_template.jinja
	Additional      []NamedFile // additional_chat_templates/NAME.jinja, by NAME
	ChatTemplate    []byte      // chat_template.json

	GGUF      func(key string) (value string, ok bool) // string metadata of a GGUF file
	GGUFNames []string                                 // its tokenizer.chat_templates
}

// NamedFile is a file with the name its template goes by.
type NamedFile struct {
	Name string
	Data []byte
}

// Named is a template a checkpoint offers.
type Named struct {
	Name   string // "default", "tool_use", "rag", ...
	Source string
	From   string // the file or key it was read from
}

// Templates are what Select found, default first.
type Templates struct {
	List     []Named
	Shadowed []string // places that hold a different default template and were passed over
}

// DefaultName is the name of the template used when none is asked for.
const DefaultName = "default"

// maxTemplates bounds the named templates of one checkpoint.
const maxTemplates = 64

// ErrNoTemplate is returned when no source holds a template.
var ErrNoTemplate = errors.New("the checkpoint has no chat template")

// Select reads the templates of a checkpoint. The first place that has any wins: chat_template of
// tokenizer_config.json (a string, or a list of {name, template}), chat_template.jinja with the additional
// ones, chat_template.json, the GGUF keys tokenizer.chat_template and tokenizer.chat_template.NAME.
func Select(s Sources) (Templates, error) {
	var out Templates
	for _, read := range []func(Sources) ([]Named, error){fromTokenizerConfig, fromJinja, fromChatTemplateJSON, fromGGUF} {
		list, err := read(s)
		if err != nil {
			return Templates{}, err
		}
		if len(list) == 0 {
			continue
		}
		if len(list) > maxTemplates {
			return Templates{}, fmt.Errorf("%s: %d chat templates, at most %d are read", list[0].From, len(list), maxTemplates)
		}
		if out.List == nil {
			slices.SortStableFunc(list, func(a, b Named) int { return rank(a) - rank(b) })
			out.List = list
			continue
		}
		d, have := find(list, DefaultName)
		if have && d.Source != out.List[0].Source {
			out.Shadowed = append(out.Shadowed, d.From)
		}
	}
	if out.List == nil {
		return Templates{}, ErrNoTemplate
	}
	return out, nil
}

func rank(n Named) int {
	if n.Name == DefaultName {
		return 0
	}
	return 1
}

func find(list []Named, name string) (Named, bool) {
	i := slices.IndexFunc(list, func(n Named) bool { return n.Name == name })
	if i < 0 {
		return Named{}, false
	}
	return list[i], true
}

// Pick chooses a template by name. Without a name it is the default, or tool_use when tools are given and the
// checkpoint has one; a single template needs no name.
func (t Templates) Pick(name string, tools bool) (Named, error) {
	if len(t.List) == 0 {
		return Named{}, ErrNoTemplate
	}
	want := []string{name}
	if name == "" {
		want = []string{DefaultName}
		if tools {
			want = []string{"tool_use", DefaultName}
		}
	}
	for _, w := range want {
		if n, ok := find(t.List, w); ok {
			return n, nil
		}
	}
	if name == "" && len(t.List) == 1 {
		return t.List[0], nil
	}
	var have []string
	for _, n := range t.List {
		have = append(have, n.Name)
	}
	return Named{}, fmt.Errorf("no chat template %q; the checkpoint has %s", want[len(want)-1], strings.Join(have, ", "))
}

func fromTokenizerConfig(s Sources) ([]Named, error) {
	return fromJSON(s.TokenizerConfig, "tokenizer_config.json")
}

func fromChatTemplateJSON(s Sources) ([]Named, error) {
	return fromJSON(s.ChatTemplate, "chat_template.json")
}

// fromJSON reads the key chat_template: a string, a list of {name, template}, or an object of templates by name.
func fromJSON(data []byte, file string) ([]Named, error) {
	if len(data) == 0 {
		return nil, nil
	}
	v, err := jinja.DecodeJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	top, ok := v.(*Map)
	if !ok {
		return nil, fmt.Errorf("%s: want a JSON object", file)
	}
	ct, _ := top.Get("chat_template")
	from := file + " chat_template"
	var out []Named
	add := func(name string, src any, at string) error {
		text, ok := src.(string)
		if !ok || name == "" {
			return fmt.Errorf("%s%s: want a name and a template, both text", from, at)
		}
		if _, dup := find(out, name); dup {
			return fmt.Errorf("%s%s: template %q stands there twice", from, at, name)
		}
		out = append(out, Named{Name: name, Source: text, From: from})
		return nil
	}
	switch ct := ct.(type) {
	case nil:
		return nil, nil
	case string:
		return []Named{{DefaultName, ct, from}}, nil
	case []any:
		for i, x := range ct {
			m, _ := x.(*Map)
			name, _ := m.Get("name")
			src, _ := m.Get("template")
			n, _ := name.(string)
			if err := add(n, src, fmt.Sprintf("[%d]", i)); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *Map:
		for name, src := range ct.All() {
			if err := add(name, src, fmt.Sprintf("[%q]", name)); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s: want text, a list or an object", from)
}

func fromJinja(s Sources) ([]Named, error) {
	var out []Named
	if len(s.Jinja) > 0 {
		out = append(out, Named{DefaultName, string(s.Jinja), "chat_template.jinja"})
	}
	for _, f := range s.Additional {
		from := "additional_chat_templates/" + f.Name + ".jinja"
		if _, dup := find(out, f.Name); dup {
			return nil, fmt.Errorf("%s: template %q stands there twice", from, f.Name)
		}
		out = append(out, Named{f.Name, string(f.Data), from})
	}
	return out, nil
}

func fromGGUF(s Sources) ([]Named, error) {
	const key = "tokenizer.chat_template"
	if s.GGUF == nil {
		return nil, nil
	}
	var out []Named
	if text, ok := s.GGUF(key); ok {
		out = append(out, Named{DefaultName, text, key})
	}
	for _, n := range s.GGUFNames {
		if n == DefaultName && len(out) > 0 {
			continue
		}
		text, ok := s.GGUF(key + "." + n)
		if !ok {
			return nil, fmt.Errorf("tokenizer.chat_templates lists %q, but the key %s.%s is missing", n, key, n)
		}
		if _, dup := find(out, n); dup {
			return nil, fmt.Errorf("tokenizer.chat_templates lists %q twice", n)
		}
		out = append(out, Named{n, text, key + "." + n})
	}
	return out, nil
}
