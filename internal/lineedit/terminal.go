package lineedit

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Terminal is a screen and a keyboard. Its Write is for programs: it begins
// every line at the first column.
type Terminal struct {
	out     io.Writer
	in      chan []byte // what was typed; closed at the end of the input
	pending []byte      // typed and not used yet
	size    func() (width, height int)
	resized <-chan os.Signal
	makeRaw func() error // raw mode and back, of real terminals
	cooked  func() error
	stop    func()
	mu      sync.Mutex // of out
}

// Open puts a terminal into raw mode. Close puts it back.
func Open(in, out *os.File) (*Terminal, error) {
	resized, stop := notifyResize()
	t := New(in, out, func() (int, int) {
		w, h, err := term.GetSize(int(out.Fd()))
		if err != nil || w <= 0 || h <= 0 {
			return 80, 24
		}
		return w, h
	}, resized)
	var old *term.State
	t.makeRaw = func() (err error) {
		if old, err = term.MakeRaw(int(in.Fd())); err == nil {
			_, err = t.raw([]byte("\x1b[?2004h")) // bracketed paste
		}
		return err
	}
	t.cooked = func() error {
		_, err := t.raw([]byte("\x1b[?2004l"))
		if e := term.Restore(int(in.Fd()), old); e != nil {
			err = e
		}
		return err
	}
	t.stop = stop
	if err := enableOutput(out); err != nil {
		stop()
		return nil, err
	}
	if err := t.makeRaw(); err != nil {
		stop()
		return nil, err
	}
	return t, nil
}

// New makes a terminal of any reader and writer, which are used as they are.
// A value in resized says that size has changed.
func New(in io.Reader, out io.Writer, size func() (width, height int), resized <-chan os.Signal) *Terminal {
	t := &Terminal{out: out, in: make(chan []byte), size: size, resized: resized}
	go t.read(in)
	return t
}

func (t *Terminal) read(in io.Reader) {
	defer close(t.in)
	for {
		b := make([]byte, 4096)
		n, err := in.Read(b)
		if n > 0 {
			t.in <- b[:n]
		}
		if err != nil {
			return
		}
	}
}

// Size is the number of cells.
func (t *Terminal) Size() (width, height int) { return t.size() }

// Close ends raw mode.
func (t *Terminal) Close() error {
	if t.stop != nil {
		t.stop()
	}
	if t.cooked == nil {
		return nil
	}
	return t.cooked()
}

// Write writes text.
func (t *Terminal) Write(p []byte) (int, error) {
	if _, err := t.raw(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// raw writes bytes as they are.
func (t *Terminal) raw(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.Write(p)
}

// Interruptible returns a context that ends when Ctrl-C is pressed or ctx
// ends, and a function that must be called behind the work. What else is
// typed meanwhile waits for the next line; Ctrl-C discards it.
func (t *Terminal) Interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	quit, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		in := t.in
		for {
			select {
			case b, ok := <-in:
				if !ok {
					in = nil // the end is seen by the next ReadLine
					continue
				}
				t.pending = append(t.pending, b...)
				if i := bytes.LastIndexByte(t.pending, 0x03); i >= 0 {
					t.pending = t.pending[i+1:]
					cancel()
				}
			case <-quit:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(quit)
		<-left
		cancel()
	})
}

// suspend stops the process until it is continued.
func (t *Terminal) suspend() error {
	if t.cooked == nil {
		return nil
	}
	if err := t.cooked(); err != nil {
		return err
	}
	stopProcess()
	return t.makeRaw()
}
