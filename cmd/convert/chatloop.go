package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tessera-llm/tessera/internal/lineedit"
	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/chat"
)

// console is what a chat needs of a terminal.
type console interface {
	io.Writer
	// read asks for a text; io.EOF and lineedit.ErrInterrupt end the chat.
	read(ctx context.Context) (string, error)
	// work returns a context that Ctrl-C ends too, and how to leave it.
	work(ctx context.Context) (context.Context, func())
}

const (
	promptText = "> "
	moreText   = "  "
)

// fullConsole is a terminal with line editing.
type fullConsole struct {
	*lineedit.Terminal
	editor *lineedit.Editor
}

func newConsole(t *lineedit.Terminal) *fullConsole { return &fullConsole{t, lineedit.NewEditor(t)} }

func (c *fullConsole) read(ctx context.Context) (string, error) {
	return c.editor.ReadLine(ctx, promptText, moreText)
}

func (c *fullConsole) work(ctx context.Context) (context.Context, func()) {
	return c.Interruptible(ctx)
}

// dumbConsole is a terminal that knows no escape sequences. Ctrl-C ends the
// program.
type dumbConsole struct {
	io.Writer
	in *bufio.Reader
}

func (c *dumbConsole) read(context.Context) (string, error) {
	text := ""
	for p := promptText; ; p = moreText {
		fmt.Fprint(c, p)
		line, err := c.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		s, more := lineedit.Joined(text + strings.TrimRight(line, "\r\n"))
		if !more {
			return s, nil
		}
		text = s
	}
}

func (c *dumbConsole) work(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

// chatOnTerminal chats on standard input and output.
func chatOnTerminal(ctx context.Context, t *talk) error {
	if os.Getenv("TERM") == "dumb" {
		return newChatter(t, &dumbConsole{os.Stdout, bufio.NewReader(os.Stdin)}).run(ctx)
	}
	term, err := lineedit.Open(os.Stdin, os.Stdout)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer term.Close()
	return newChatter(t, newConsole(term)).run(ctx)
}

// chatter is an interactive chat.
type chatter struct {
	*talk
	con  console
	out  *display
	last answer
	over bool // /exit
}

func newChatter(t *talk, con console) *chatter {
	return &chatter{talk: t, con: con, out: newDisplay(con, true)}
}

func (c *chatter) run(ctx context.Context) error {
	c.out.note(c.greeting())
	leaving := false
	for !c.over {
		text, err := c.con.read(ctx)
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, lineedit.ErrInterrupt) && leaving:
			return nil
		case errors.Is(err, lineedit.ErrInterrupt):
			leaving = true
			c.out.note("Ctrl-C again or Ctrl-D leaves")
			continue
		case err != nil:
			return err
		}
		leaving = false
		if err := c.line(ctx, text); err != nil {
			// A mistake is no reason to lose the conversation.
			c.out.note("error: " + err.Error())
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if closedPipe(c.out.err) {
			return nil
		}
		if c.out.err != nil {
			return c.out.err
		}
	}
	return nil
}

func (c *chatter) greeting() string {
	m := c.m.Meta()
	s := fmt.Sprintf("%s, context %d tokens", m.Name, c.m.Options().Context)
	if c.tmpl == nil {
		return s + "\nno chat template: the model goes on with each text you type. /help lists commands, Ctrl-D leaves."
	}
	return s + "\n/help lists commands, Ctrl-C stops an answer, Ctrl-D leaves."
}

// line is a command or a message. Two slashes begin a message with one.
func (c *chatter) line(ctx context.Context, text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(text, "/"); ok && !strings.HasPrefix(rest, "/") {
		return c.command(ctx, rest)
	} else if ok {
		text = rest
	}
	if c.tmpl == nil {
		return c.complete(ctx, text)
	}
	return c.say(ctx, append(c.messages[:len(c.messages):len(c.messages)], userMessage(text)))
}

func userMessage(text string) chat.Message { return chat.Message{Role: "user", Content: text} }

// say lets the model answer a conversation and keeps it, unless nothing came.
func (c *chatter) say(ctx context.Context, messages []chat.Message) error {
	a, err := c.show(ctx, func(ctx context.Context, to sink) (answer, error) { return c.reply(ctx, messages, to) })
	var full bool
	if a.tokens == 0 {
		if err == nil {
			c.out.note("stopped before the answer: nothing has changed")
		}
		full = isFull(err)
	} else {
		c.messages = append(messages, a.message())
	}
	if full {
		return fmt.Errorf("%w; /undo and /reset make room", err)
	}
	return err
}

// complete goes on with a text on its own.
func (c *chatter) complete(ctx context.Context, text string) error {
	ids, err := c.encodePlain(text)
	if err != nil {
		return err
	}
	_, err = c.show(ctx, func(ctx context.Context, to sink) (answer, error) { return c.answer(ctx, ids, nil, to) })
	return err
}

// show runs one answer, which Ctrl-C stops.
func (c *chatter) show(ctx context.Context, run func(context.Context, sink) (answer, error)) (answer, error) {
	ctx, leave := c.con.work(ctx)
	defer leave()
	bar := progress.New(os.Stderr, "prompt", "tokens")
	a, err := run(ctx, sink{
		sections: func(all []section) error { c.out.sections(all); return c.out.err },
		prefill: func(done, total int) {
			bar.Set(int64(done), int64(total))
			if done == total {
				bar.Done()
			}
		},
	})
	bar.Done()
	c.out.endLine()
	c.last = a
	if err == nil && a.tokens > 0 {
		c.out.note("[" + a.speed() + "]")
	}
	return a, err
}
