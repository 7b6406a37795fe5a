package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/pkg/dialog"
	"github.com/tessera-llm/tessera/pkg/format"
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

// useTemplate sets the language and the options of t by the flags: no template
// without one in the model, unless a file is given.
func (t *talk) useTemplate(c *cli.Context, texts *format.Texts) error {
	var named *chat.Named
	var err error
	if !c.Bool("no-template") {
		if named, err = dialog.FindTemplate(texts.Templates, c.String("template")); err != nil {
			if c.String("template") == "" {
				return usage(c, "%w: say --template NAME", err)
			}
			return usage(c, "--template: %w", err)
		}
	}
	if t.lang, err = dialog.NewLanguage(texts, named, t.m.DefaultSampler()); err != nil {
		if named != nil && texts.Tokenizer != nil {
			err = fmt.Errorf("%w (--no-template goes on with texts as they are)", err)
		}
		return err
	}
	switch {
	case c.Bool("no-template"):
		return refuseChatFlags(c, "--no-template")
	case named == nil:
		return refuseChatFlags(c, "a model without chat template (--template FILE gives one)")
	}
	if c.Bool("think") || c.Bool("no-think") {
		think := c.Bool("think")
		if t.set.Think = &think; think && c.Bool("no-think") {
			return usage(c, "both --think and --no-think")
		}
		if _, err := t.lang.ThinkVariable(); err != nil {
			return usage(c, "%w", err)
		}
	}
	t.set.Variables, err = templateVars(c)
	return err
}

// refuseChatFlags names flags that mean nothing without a template.
func refuseChatFlags(c *cli.Context, why string) error {
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
