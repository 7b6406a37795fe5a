package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/tessera-llm/tessera/internal/lineedit"
	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/dialog"
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
	last dialog.Answer
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
	if !c.lang.Chats() {
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
	if !c.lang.Chats() {
		_, err := c.show(ctx, func(ctx context.Context, o dialog.Options) iter.Seq2[dialog.Event, error] {
			return c.Complete(ctx, text, o)
		})
		return err
	}
	return c.answer(ctx, func(ctx context.Context, o dialog.Options) iter.Seq2[dialog.Event, error] { return c.Say(ctx, text, o) })
}

// answer lets the model answer the conversation, which keeps what came.
func (c *chatter) answer(ctx context.Context, run func(context.Context, dialog.Options) iter.Seq2[dialog.Event, error]) error {
	a, err := c.show(ctx, run)
	switch {
	case a.Tokens == 0 && err == nil:
		c.out.note("stopped before the answer: nothing has changed")
	case a.Tokens == 0 && isFull(err):
		return fmt.Errorf("%w; /undo and /reset make room", err)
	}
	return err
}

// show runs one answer, which Ctrl-C stops.
func (c *chatter) show(ctx context.Context, run func(context.Context, dialog.Options) iter.Seq2[dialog.Event, error]) (dialog.Answer, error) {
	ctx, leave := c.con.work(ctx)
	defer leave()
	bar := progress.New(os.Stderr, "prompt", "tokens")
	o := c.options()
	o.Progress = func(done, total int) {
		bar.Set(int64(done), int64(total))
		if done == total {
			bar.Done()
		}
	}
	a, err := collect(run(ctx, o), func(e dialog.Event) error { c.out.event(e); return c.out.err })
	bar.Done()
	c.out.endLine()
	c.last = a
	if err == nil && a.Tokens > 0 {
		c.out.note("[" + speed(&a) + "]")
	}
	return a, err
}
