package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/chat"
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
		if k.needsTemplate && c.tmpl == nil {
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
		if c.system == "" {
			c.out.note("no system message")
		} else {
			c.out.note(c.system)
		}
		return nil
	case "off":
		arg = ""
	}
	c.system = arg
	c.out.note("the system message is changed, for the whole conversation")
	return nil
}

func (c *chatter) reset(ctx context.Context, _ string) error {
	c.messages = nil
	c.out.note("the conversation is forgotten")
	return c.s.Rewind(ctx, 0)
}

// turn is where the last message of the user stands, -1 for none.
func (c *chatter) turn() int {
	for i := len(c.messages) - 1; i >= 0; i-- {
		if c.messages[i].Role == "user" {
			return i
		}
	}
	return -1
}

func (c *chatter) undo(context.Context, string) error {
	i := c.turn()
	if i < 0 {
		return errors.New("nothing to undo")
	}
	c.messages = c.messages[:i]
	c.out.note(fmt.Sprintf("%d messages are left", len(c.messages)))
	return nil
}

func (c *chatter) retry(ctx context.Context, _ string) error {
	i := c.turn()
	if i < 0 {
		return errors.New("nothing to answer")
	}
	if c.set.sampler.Greedy() {
		c.out.note("temperature 0: the same answer again")
	}
	return c.say(ctx, c.messages[:i+1:i+1])
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
	if c.tmpl != nil {
		fmt.Fprintf(&b, "template   %s\n", oneLine(c.name))
	}
	fmt.Fprintf(&b, "messages   %d\n", len(c.messages))
	fmt.Fprintf(&b, "context    %d of %d tokens, cache %s %s\n", held, room, progress.Bytes(c.s.State().Memory().Fair), c.m.Options().KVType)
	if c.last.tokens > 0 {
		fmt.Fprintf(&b, "last       %s; seed %d, ended by %s\n", c.last.speed(), c.last.seed, c.last.end)
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
	{"max-tokens", func(s *settings) string { return strconv.Itoa(s.max) },
		func(s *settings, v string) error {
			n, err := strconv.ParseUint(v, 10, 31)
			s.max = int(n)
			return err
		}},
	{"think", func(s *settings) string {
		switch {
		case s.think == nil:
			return "auto"
		case *s.think:
			return "on"
		}
		return "off"
	}, func(s *settings, v string) error {
		on := v == "on"
		switch s.think = &on; v {
		case "on", "off":
		case "auto":
			s.think = nil
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
		if changed.think != nil {
			if c.tmpl == nil {
				c.set = old
				return errors.New("no chat template to tell")
			}
			if _, err := c.thinkVariable(); err != nil {
				c.set = old
				return err
			}
		}
		if name == "seed" {
			c.count = 0
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

// conversation is the chat with its system message.
func (c *chatter) conversation() []chat.Message {
	if c.system == "" {
		return c.messages
	}
	return append([]chat.Message{{Role: "system", Content: c.system}}, c.messages...)
}
