package lineedit

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

// ErrInterrupt says that Ctrl-C was pressed on an empty line.
var ErrInterrupt = errors.New("interrupted")

// escapeTime is how long the rest of an escape sequence may take.
const escapeTime = 50 * time.Millisecond

// maxHistory bounds the texts an Editor remembers, maxText the characters of
// one.
const (
	maxHistory = 1000
	maxText    = 1 << 20
)

// Editor reads texts from a terminal and remembers them.
type Editor struct {
	t       *Terminal
	history []string
	max     int
}

// NewEditor returns an editor without history.
func NewEditor(t *Terminal) *Editor { return &Editor{t: t, max: maxText} }

// Remember adds a text to the history, unless it is blank or was the last.
func (e *Editor) Remember(s string) {
	if strings.TrimSpace(s) == "" || len(e.history) > 0 && e.history[len(e.history)-1] == s {
		return
	}
	e.history = append(e.history, s)
	if n := len(e.history) - maxHistory; n > 0 {
		e.history = e.history[n:]
	}
}

// reading is the state of one ReadLine.
type reading struct {
	e            *Editor
	prompt, more string
	b            buffer
	v            view
	place        int    // in the history; its length is the new text
	kept         string // the new text while one of the history is shown
}

// ReadLine shows prompt and reads a text, which may have several lines; more
// stands before all lines but the first. The text is remembered. io.EOF says
// that Ctrl-D was pressed on an empty line or the input has ended,
// ErrInterrupt the same of Ctrl-C; with a text, Ctrl-C discards it.
func (e *Editor) ReadLine(ctx context.Context, prompt, more string) (string, error) {
	r := &reading{e: e, prompt: prompt, more: more, place: len(e.history), b: buffer{max: e.max}}
	for {
		done, err := r.keys()
		if err != nil || done {
			return r.end(err)
		}
		if err := r.refresh(); err != nil {
			return "", err
		}
		if err := r.wait(ctx); err != nil {
			return r.end(err)
		}
	}
}

// end leaves the line on the screen.
func (r *reading) end(err error) (string, error) {
	r.b.at = len(r.b.text)
	if e := r.refresh(); e != nil && err == nil {
		err = e
	}
	if _, e := r.e.t.raw(r.v.leave()); e != nil && err == nil {
		err = e
	}
	if err != nil {
		return "", err
	}
	text := string(r.b.text)
	r.e.Remember(text)
	out, _ := Joined(text)
	return out, nil
}

func (r *reading) refresh() error {
	w, h := r.e.t.Size()
	_, err := r.e.t.raw(r.v.draw(r.b.text, r.b.at, r.prompt, r.more, w, h))
	return err
}

// wait blocks until there is something to do.
func (r *reading) wait(ctx context.Context) error {
	t := r.e.t
	var timeout <-chan time.Time
	if len(t.pending) > 0 && !strings.HasPrefix(string(t.pending), pasteStart) {
		timeout = time.After(escapeTime)
	}
	select {
	case b, ok := <-t.in:
		if !ok {
			return io.EOF
		}
		t.pending = append(t.pending, b...)
	case <-t.resized: // draw again
	case <-timeout:
		_, n := parseKey(t.pending, true)
		t.pending = t.pending[n:]
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// keys handles what has been typed.
func (r *reading) keys() (done bool, err error) {
	t := r.e.t
	for {
		k, n := parseKey(t.pending, false)
		if n == 0 {
			return false, nil
		}
		t.pending = t.pending[n:]
		if done, err := r.key(k); done || err != nil {
			return done, err
		}
	}
}

func (r *reading) key(k key) (done bool, err error) {
	b := &r.b
	if k.code == keyEOF {
		if len(b.text) == 0 {
			return false, io.EOF
		}
		k.code = keyDelete
	}
	if b.edit(k) {
		if b.full {
			_, err = r.e.t.raw([]byte("\a"))
		}
		b.full = false
		return false, err
	}
	b.joined = false
	switch k.code {
	case keyEnter:
		return r.enter(), nil
	case keyUp, keyDown:
		r.vertical(k.code == keyUp)
	case keyPrevious:
		r.recall(-1)
	case keyNext:
		r.recall(1)
	case keyInterrupt:
		if len(b.text) == 0 {
			return false, ErrInterrupt
		}
		return false, r.discard()
	case keyClear:
		r.v = view{}
		_, err = r.e.t.raw([]byte("\x1b[H\x1b[2J"))
	case keySuspend:
		_, err = r.e.t.raw(r.v.leave())
		if err == nil {
			err = r.e.t.suspend()
		}
	}
	return false, err
}

// enter ends the text, or begins another line of it.
func (r *reading) enter() bool {
	text, more := Joined(string(r.b.text))
	if !more {
		return true
	}
	r.b.set(text)
	return false
}

// discard leaves the text on the screen and begins a new one.
func (r *reading) discard() error {
	r.b.at = len(r.b.text)
	if err := r.refresh(); err != nil {
		return err
	}
	mark := "^C"
	if w, _ := r.e.t.Size(); r.v.col+len(mark) >= w {
		mark = ""
	}
	_, err := r.e.t.raw(append([]byte(mark), r.v.leave()...))
	r.b.set("")
	r.place = len(r.e.history)
	return err
}

// vertical moves by a row of the screen, or in the history at the first and
// last row.
func (r *reading) vertical(up bool) {
	w, _ := r.e.t.Size()
	rows := layout(r.b.text, r.prompt, r.more, w)
	cur := rowOf(rows, r.b.at)
	to := cur + 1
	if up {
		to = cur - 1
	}
	if to < 0 || to >= len(rows) {
		if up {
			r.recall(-1)
		} else {
			r.recall(1)
		}
		return
	}
	column := textWidth(rows[cur].prefix) + cells(r.b.text, rows[cur].start, r.b.at)
	at, x := rows[to].start, textWidth(rows[to].prefix)
	for at < rows[to].end {
		j := next(r.b.text, at)
		if w := cells(r.b.text, at, j); x+w > column {
			break
		} else {
			x += w
		}
		at = j
	}
	if at == rows[to].end && to+1 < len(rows) && rows[to+1].start == at && at > rows[to].start {
		at = previous(r.b.text, at) // the end of a broken line is the next row
	}
	r.b.at = at
}

// recall shows another text of the history.
func (r *reading) recall(step int) {
	h := r.e.history
	to := r.place + step
	if to < 0 || to > len(h) {
		return
	}
	if r.place == len(h) {
		r.kept = string(r.b.text)
	}
	r.place = to
	if to == len(h) {
		r.b.set(r.kept)
		return
	}
	r.b.set(h[to])
}

// quotes open and close a text of several lines.
const quotes = `"""`

// Joined takes the marks of a text of several lines away. more says that the
// text is not complete: it ends in a backslash, or opening quotes are not
// closed; s is then the text to go on with.
func Joined(text string) (s string, more bool) {
	if inner, ok := strings.CutPrefix(text, quotes); ok {
		if body, ok := strings.CutSuffix(inner, quotes); ok {
			return strings.TrimPrefix(body, "\n"), false
		}
		return text + "\n", true
	}
	if s, ok := strings.CutSuffix(text, `\`); ok {
		return s + "\n", true
	}
	return text, false
}
