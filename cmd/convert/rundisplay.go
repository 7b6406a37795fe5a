package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/term"

	"github.com/tessera-llm/tessera/pkg/dialog"
)

// display writes an answer as it comes. On a terminal reasoning is dimmed and
// control characters cannot act.
type display struct {
	w      io.Writer
	screen bool // a terminal: control characters are shown
	styled bool // and it may have styles
	dim    bool // in force
	mid    bool // the line is not finished
	err    error
}

// newDisplay writes to w, which is a terminal or not.
func newDisplay(w io.Writer, screen bool) *display {
	return &display{w: w, screen: screen, styled: screen && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

const (
	dimOn  = "\x1b[2m"
	dimOff = "\x1b[22m"
)

// text writes text, dimmed or not.
func (d *display) text(s string, dim bool) {
	if s == "" || d.err != nil {
		return
	}
	d.mid = !strings.HasSuffix(s, "\n")
	if d.screen {
		s = harmless(s)
	}
	if d.styled && dim != d.dim {
		d.dim = dim
		if dim {
			s = dimOn + s
		} else {
			s = dimOff + s
		}
	}
	_, d.err = io.WriteString(d.w, s)
}

// event writes a part of an answer.
func (d *display) event(e dialog.Event) {
	if e.Kind != dialog.Token {
		d.text(e.Text, e.Kind != dialog.Text)
	}
}

// endLine begins a new line unless one has begun, in plain style.
func (d *display) endLine() {
	if d.mid {
		d.text("\n", false)
	}
	if d.dim {
		d.dim = false
		_, d.err = io.WriteString(d.w, dimOff)
	}
}

// note writes a line about the conversation, dimmed.
func (d *display) note(s string) {
	d.endLine()
	d.text(s, true)
	d.endLine()
}

// harmless shows control characters but for tab and newline, so that a model
// cannot steer the terminal.
func harmless(s string) string {
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case !bad(r):
			return r
		case r < 0x20:
			return 0x2400 + r // control pictures
		}
		return '\uFFFD'
	}, s)
}

// closedPipe tells that nobody reads the output any more, which is no failure.
func closedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || brokenPipe(err)
}
