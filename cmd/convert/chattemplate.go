package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/pkg/convert"
)

// templateFs choose how a conversation becomes a prompt.
var templateFs = []cli.Flag{
	&cli.StringFlag{Name: "system", Usage: "the system message `TEXT`"},
	&cli.StringFlag{Name: "template", Usage: "chat template: a name the model has, or a `FILE` (jinja)"},
	&cli.BoolFlag{Name: "no-template", Usage: "no chat: go on with the prompt as it is"},
	&cli.StringSliceFlag{Name: "template-var", KeepSpace: true, Usage: "a variable for the template, `NAME=VALUE` (JSON or text; repeatable)"},
	&cli.BoolFlag{Name: "think", Usage: "ask the template for reasoning"},
	&cli.BoolFlag{Name: "no-think", Usage: "ask the template for none"},
}

// maxTemplate bounds the bytes of a template file.
const maxTemplate = 4 << 20

// useTemplate sets the template of t by the flags: none without one in the
// model, unless a file is given.
func (t *talk) useTemplate(c *cli.Context, texts *convert.Texts) error {
	if c.Bool("no-template") {
		return t.refuseChatFlags(c, "--no-template")
	}
	named, err := pickTemplate(c, texts.Templates)
	if err != nil {
		return err
	}
	if named == nil {
		return t.refuseChatFlags(c, "a model without chat template (--template FILE gives one)")
	}
	if t.tok == nil {
		return fmt.Errorf("the model has no tokenizer: no chat")
	}
	if t.tmpl, err = chat.Parse(named.Source); err != nil {
		return fmt.Errorf("chat template %s: %w (--no-template goes on with texts as they are)", named.Name, err)
	}
	t.name = named.Name
	if t.system = c.String("system"); c.Bool("think") || c.Bool("no-think") {
		think := c.Bool("think")
		if t.set.think = &think; think && c.Bool("no-think") {
			return usage(c, "both --think and --no-think")
		}
		if _, err := t.thinkVariable(); err != nil {
			return usage(c, "%w", err)
		}
	}
	t.vars, err = templateVars(c)
	return err
}

// pickTemplate finds the template; nil when the model has none and none is
// asked for.
func pickTemplate(c *cli.Context, have chat.Templates) (*chat.Named, error) {
	want := c.String("template")
	if want == "" {
		if len(have.List) == 0 {
			return nil, nil
		}
		n, err := have.Pick("", false)
		if err != nil {
			return nil, usage(c, "%w: say --template NAME", err)
		}
		return &n, nil
	}
	n, err := have.Pick(want, false)
	if err == nil {
		return &n, nil
	}
	f, ferr := os.Open(want)
	if ferr != nil {
		return nil, usage(c, "--template: %w, and no file: %w", err, ferr)
	}
	defer f.Close()
	src, ferr := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if ferr != nil {
		return nil, ferr
	}
	if len(src) > maxTemplate {
		return nil, fmt.Errorf("template %s is larger than %d bytes", want, maxTemplate)
	}
	return &chat.Named{Name: want, Source: string(src), From: want}, nil
}

// refuseChatFlags names flags that mean nothing without a template.
func (t *talk) refuseChatFlags(c *cli.Context, why string) error {
	for _, f := range templateFs {
		if name := f.Names()[0]; name != "no-template" && c.IsSet(name) {
			return usage(c, "--%s means nothing with %s", name, why)
		}
	}
	return nil
}

// templateVars reads --template-var. Values are JSON where they are, else
// text.
func templateVars(c *cli.Context) (*chat.Map, error) {
	vars := &chat.Map{}
	for _, s := range c.StringSlice("template-var") {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usage(c, "--template-var %q: want NAME=VALUE", s)
		}
		var v any = value
		if json.Valid([]byte(value)) {
			m, err := decodeJSON([]byte(value))
			if err != nil {
				return nil, usage(c, "--template-var %s: %w", name, err)
			}
			v = m
		}
		vars.Set(name, v)
	}
	return vars, nil
}

// decodeJSON reads a value as templates want it: ordered maps.
func decodeJSON(data []byte) (any, error) {
	wrapped := bytes.Join([][]byte{[]byte(`{"v":`), data, []byte("}")}, nil)
	var m chat.Map
	if err := json.Unmarshal(wrapped, &m); err != nil {
		return nil, err
	}
	v, _ := m.Get("v")
	return v, nil
}
