package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/dialog"
	"github.com/tessera-llm/tessera/runtime"
)

// chatCommand is one / command.
type chatCommand struct {
	name, args, help string
	run              func(c *chatter, ctx context.Context, arg string) error
	needsTemplate    bool
}

// chatCommands are listed by /help in this order.
var chatCommands []chatCommand

func init() {
	chatCommands = []chatCommand{
		{"help", "", "this list", (*chatter).help, false},
		{"system", "[TEXT|off]", "show, set or remove the system message", (*chatter).setSystem, true},
		{"reset", "", "forget the conversation", (*chatter).reset, false},
		{"undo", "", "forget the last message and its answer", (*chatter).undo, true},
		{"retry", "", "answer the last message anew", (*chatter).retry, true},
		{"save", "FILE", "write the conversation (JSON)", (*chatter).save, true},
		{"load", "FILE", "read a conversation", (*chatter).load, true},
		{"set", "[NAME VALUE]", "show or change a setting", (*chatter).change, false},
		{"stats", "", "tokens, memory, speed", (*chatter).stats, false},
		{"exit", "", "leave (Ctrl-D)", (*chatter).exit, false},
	}
}

func (c *chatter) command(ctx context.Context, line string) error {
	name, arg, _ := strings.Cut(line, " ")
	name = strings.TrimSpace(name)
	for _, k := range chatCommands {
		if k.name != name {
			continue
		}
		if k.needsTemplate && !c.lang.Chats() {
			return fmt.Errorf("/%s needs a chat template", name)
		}
		return k.run(c, ctx, strings.TrimSpace(arg))
	}
	return fmt.Errorf("no command /%s: /help lists them; // begins a message with a slash", name)
}

func (c *chatter) help(context.Context, string) error {
	var b strings.Builder
	for _, k := range chatCommands {
		fmt.Fprintf(&b, "/%-20s %s\n", strings.TrimSpace(k.name+" "+k.args), k.help)
	}
	b.WriteString("a \\ at the end of a line, or \"\"\" around lines, makes a message of several lines")
	c.out.note(b.String())
	return nil
}

func (c *chatter) setSystem(_ context.Context, arg string) error {
	switch arg {
	case "":
		if c.System == "" {
			c.out.note("no system message")
		} else {
			c.out.note(c.System)
		}
		return nil
	case "off":
		arg = ""
	}
	c.System = arg
	c.out.note("the system message is changed, for the whole conversation")
	return nil
}

func (c *chatter) reset(ctx context.Context, _ string) error {
	err := c.Reset(ctx)
	c.out.note("the conversation is forgotten")
	return err
}

func (c *chatter) undo(context.Context, string) error {
	if c.Undo() != nil {
		return errors.New("nothing to undo")
	}
	c.out.note(fmt.Sprintf("%d messages are left", len(c.Messages)))
	return nil
}

func (c *chatter) retry(ctx context.Context, _ string) error {
	if len(c.Messages) > 0 && c.set.sampler.Greedy() {
		c.out.note("temperature 0: the same answer again")
	}
	err := c.answer(ctx, c.Retry)
	if errors.Is(err, dialog.ErrNoMessage) {
		return errors.New("nothing to answer")
	}
	return err
}

func (c *chatter) save(_ context.Context, path string) error {
	if path == "" {
		return errors.New("/save FILE")
	}
	if err := c.Save(path); err != nil {
		return err
	}
	c.out.note(fmt.Sprintf("%d messages in %s", len(c.Messages), path))
	return nil
}

func (c *chatter) load(_ context.Context, path string) error {
	if path == "" {
		return errors.New("/load FILE")
	}
	if err := c.Load(path); err != nil {
		return err
	}
	c.out.note(fmt.Sprintf("%d messages", len(c.Messages)))
	return nil
}

func (c *chatter) exit(context.Context, string) error {
	c.over = true
	return nil
}

func (c *chatter) stats(context.Context, string) error {
	m := c.m.Meta()
	held, room := c.s.Len(), c.m.Options().Context
	var b strings.Builder
	fmt.Fprintf(&b, "model      %s (%s, %d layers, vocabulary %d)\n", oneLine(m.Name), oneLine(m.Arch), m.Layers, m.Vocab)
	if c.lang.Chats() {
		fmt.Fprintf(&b, "template   %s\n", oneLine(c.lang.Template()))
	}
	fmt.Fprintf(&b, "messages   %d\n", len(c.Messages))
	fmt.Fprintf(&b, "context    %d of %d tokens, cache %s %s\n", held, room, progress.Bytes(c.s.State().Memory().Fair), c.m.Options().KVType)
	if c.last.Tokens > 0 {
		fmt.Fprintf(&b, "last       %s; seed %d, ended by %s\n", speed(&c.last), c.last.Seed, c.last.End)
	}
	c.out.note(strings.TrimSuffix(b.String(), "\n"))
	return nil
}

// setting is what /set shows and changes. parse is nil for what cannot be
// changed.
type setting struct {
	name string
	get  func(s *settings) string
	put  func(s *settings, v string) error
}

func f32Setting(name string, at func(s *settings) *float32) setting {
	return setting{name,
		func(s *settings) string { return strconv.FormatFloat(float64(*at(s)), 'g', -1, 32) },
		func(s *settings, v string) error {
			x, err := strconv.ParseFloat(v, 32)
			*at(s) = float32(x)
			return err
		}}
}

var chatSettings = []setting{
	f32Setting("temperature", func(s *settings) *float32 { return &s.sampler.Temperature }),
	{"top-k", func(s *settings) string { return strconv.Itoa(s.sampler.TopK) },
		func(s *settings, v string) (err error) { s.sampler.TopK, err = strconv.Atoi(v); return err }},
	f32Setting("top-p", func(s *settings) *float32 { return &s.sampler.TopP }),
	f32Setting("min-p", func(s *settings) *float32 { return &s.sampler.MinP }),
	f32Setting("repetition-penalty", func(s *settings) *float32 { return &s.sampler.RepetitionPenalty }),
	{"seed", func(s *settings) string { return strconv.FormatUint(s.sampler.Seed, 10) },
		func(s *settings, v string) (err error) {
			s.sampler.Seed, err = strconv.ParseUint(v, 10, 64)
			return err
		}},
	{"max-tokens", func(s *settings) string { return strconv.Itoa(s.MaxTokens) },
		func(s *settings, v string) error {
			n, err := strconv.ParseUint(v, 10, 31)
			s.MaxTokens = int(n)
			return err
		}},
	{"think", func(s *settings) string {
		switch {
		case s.Think == nil:
			return "auto"
		case *s.Think:
			return "on"
		}
		return "off"
	}, func(s *settings, v string) error {
		on := v == "on"
		switch s.Think = &on; v {
		case "on", "off":
		case "auto":
			s.Think = nil
		default:
			return errors.New("want on, off or auto")
		}
		return nil
	}},
}

// change shows all settings or changes one. A value that means nothing changes
// nothing.
func (c *chatter) change(_ context.Context, arg string) error {
	name, value, _ := strings.Cut(arg, " ")
	var lines, names []string
	for _, s := range chatSettings {
		names = append(names, s.name)
		lines = append(lines, fmt.Sprintf("%-18s %s", s.name, s.get(&c.set)))
		if s.name != name {
			continue
		}
		changed := c.set
		if err := s.put(&changed, strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("/set %s %q: %w", name, value, err)
		}
		if err := changed.sampler.Check(); err != nil {
			return err
		}
		old := c.set
		c.set = changed
		if changed.Think != nil {
			if !c.lang.Chats() {
				c.set = old
				return errors.New("no chat template to tell")
			}
			if _, err := c.lang.ThinkVariable(); err != nil {
				c.set = old
				return err
			}
		}
		if name == "seed" {
			c.Count = 0
		}
		c.out.note(fmt.Sprintf("%s is %s", name, s.get(&c.set)))
		return nil
	}
	if name != "" {
		return fmt.Errorf("no setting %q: there are %s", name, strings.Join(names, ", "))
	}
	c.out.note(strings.Join(lines, "\n"))
	return nil
}

func isFull(err error) bool {
	var full *runtime.ContextError
	return errors.As(err, &full)
}
