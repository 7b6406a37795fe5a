package lineedit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	up, down, right, left = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
	ctrlA, ctrlC, ctrlD   = "\x01", "\x03", "\x04"
	ctrlE, ctrlK, ctrlU   = "\x05", "\x0b", "\x15"
	ctrlW, ctrlY, ctrlT   = "\x17", "\x19", "\x14"
)

// typed runs ReadLine on bytes until the input ends, as many times as it
// takes, and returns the texts.
func typed(t testing.TB, s *screen, in io.Reader) (texts []string, err error) {
	t.Helper()
	e := NewEditor(New(in, s, func() (int, int) { return s.w, s.h }, nil))
	e.max = 2000
	for {
		text, err := e.ReadLine(context.Background(), "> ", "  ")
		if err != nil {
			return texts, err
		}
		texts = append(texts, text)
	}
}

func TestEdit(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"plain", "hello", "hello"},
		{"left insert", "ac" + left + "b", "abc"},
		{"home end", "b" + ctrlA + "a" + ctrlE + "c", "abc"},
		{"home end keys", "b\x1b[Ha\x1b[Fc\x1bOHx\x1b[4~y\x1b[1~z", "zxabcy"},
		{"backspace", "abc\x7f\x08d", "ad"},
		{"delete", "abc" + ctrlA + "\x1b[3~" + ctrlD, "c"},
		{"ctrl-k, ctrl-y", "one two" + ctrlA + right + right + right + ctrlK + ctrlA + ctrlY, " twoone"},
		{"ctrl-u", "one two" + ctrlU + "x", "x"},
		{"ctrl-w twice, ctrl-y", "one two three" + ctrlW + ctrlW + "- " + ctrlY, "one - two three"},
		{"alt-b, alt-d", "one two three\x1bb\x1bb\x1bd", "one  three"},
		{"ctrl-left, ctrl-right", "one two\x1b[1;5D\x1b[1;5D\x1b[1;5C!", "one! two"},
		{"transpose", "ab" + ctrlT + "c" + left + left + ctrlT, "abc"},
		{"wide", "日本語" + left + "\x7f", "日語"},
		{"combining", "ne\u0301e" + left + "\x7f", "ne"},
		{"joined emoji", "a👩‍👩‍👧b" + left + "\x7f", "ab"},
		{"flags", "🇩🇪🇫🇷\x7f", "🇩🇪"},
		{"skin", "👍🏽\x7f", ""},
		{"invalid bytes", "a\xffb", "a\uFFFDb"},
		{"unknown sequences", "a\x1b[99;99Zb\x1bOPc\x1b[42;2;3;4~d", "abcd"},
		{"paste", "\x1b[200~two\r\nlines\x1b[201~!", "two\nlines!"},
		{"paste of keys", "\x1b[200~a\x1b[Ab\x03\x1b[201~", "a\x1b[Ab\x03"},
		{"backslash", "one\\\rtwo", "one\ntwo"},
		{"quotes", "\"\"\"one\r two\r\"\"\"", "one\n two\n"},
		{"quotes with text", "\"\"\"\rone\"\"\"", "one"},
		{"alt-enter", "one\x1b\rtwo", "one\ntwo"},
		{"up in a text", "one\x1b\rtwo" + up + "x" + down + "y", "onex\ntwoy"},
		{"ctrl-c discards", "one" + ctrlC + "two", "two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScreen(t, 40, 10, true)
			got, err := typed(t, s, strings.NewReader(c.keys+"\r"))
			if err != io.EOF || len(got) != 1 || got[0] != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestFull(t *testing.T) {
	s := newScreen(t, 40, 10, true)
	got, _ := typed(t, s, strings.NewReader(strings.Repeat("0123456789", 200)+"x\x7fy\r"))
	if want := strings.Repeat("0123456789", 199) + "012345678y"; len(got) != 1 || got[0] != want || s.bells != 1 {
		t.Errorf("%d texts, %d bells", len(got), s.bells)
	}
}

func TestHistory(t *testing.T) {
	s := newScreen(t, 40, 20, true)
	got, err := typed(t, s, strings.NewReader("one\rtwo\rtwo\r"+up+up+"!\r"+up+up+up+up+up+down+"\r"+"new"+up+down+"er\r\x10\x10\x0e\r"))
	want := []string{"one", "two", "two", "one!", "two", "newer", "newer"}
	if err != io.EOF || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q (%v)", got, want, err)
	}
}

func TestEnds(t *testing.T) {
	for keys, want := range map[string]error{ctrlC: ErrInterrupt, ctrlD: io.EOF, "": io.EOF, "a" + ctrlC + ctrlC: ErrInterrupt} {
		if got, err := typed(t, newScreen(t, 20, 5, true), strings.NewReader(keys)); len(got) > 0 || !errors.Is(err, want) {
			t.Errorf("%q: %q, %v; want %v", keys, got, err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, _ := io.Pipe()
	if _, err := NewEditor(New(r, io.Discard, func() (int, int) { return 80, 24 }, nil)).ReadLine(ctx, "", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// slow gives one byte at a time.
type slow struct{ s string }

func (r *slow) Read(p []byte) (int, error) {
	if r.s == "" {
		return 0, io.EOF
	}
	p[0] = r.s[0]
	r.s = r.s[1:]
	return 1, nil
}

func TestBytesOneByOne(t *testing.T) {
	s := newScreen(t, 20, 5, true)
	got, err := typed(t, s, &slow{"日本" + left + "\x1b[3~\x1b[200~é\n👩‍👩‍👧\x1b[201~\r"})
	if err != io.EOF || len(got) != 1 || got[0] != "日é\n👩‍👩‍👧" {
		t.Errorf("%q, %v", got, err)
	}
	// An ESC on its own is no start of a sequence once a while has passed.
	r, w := io.Pipe()
	go func() {
		w.Write([]byte("a\x1b"))
		time.Sleep(3 * escapeTime)
		w.Write([]byte("[b\r"))
		w.Close()
	}()
	if got, _ := typed(t, newScreen(t, 20, 5, true), r); len(got) != 1 || got[0] != "a[b" {
		t.Errorf("after ESC: %q", got)
	}
}

func TestScreen(t *testing.T) {
	for _, c := range []struct{ name, keys, screen, before string }{
		{"plain", "hello", "> hello", "> hello"},
		{"cursor", "hello" + left + left, "> hello", "> hel"},
		{"breaks", "0123456789", "> 0123456\n789", "789"},
		{"full row", "0123456", "> 0123456", "> 0123456"},
		{"wide at the edge", "012345日x", "> 012345\n日x", "日x"},
		{"lines", "ab\x1b\rcd" + up, "> ab\n  cd", "> ab"},
		{"shrinks", "0123456789" + ctrlU + "a", "> a", "> a"},
		{"controls", "\x1b[200~a\x1b[31mb\tc\x1b[201~", "> a^[[31m\nb    c", "b    c"},
		{"more than the screen", "a\x1b\rb\x1b\rc\x1b\rd\x1b\re", "  b\n  c\n  d\n  e", "  e"},
		{"scrolled back", "a\x1b\rb\x1b\rc\x1b\rd\x1b\re" + up + up + up + up, "> a\n  b\n  c\n  d", "> a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScreen(t, 10, 4, true)
			e := NewEditor(New(strings.NewReader(c.keys), s, func() (int, int) { return s.w, s.h }, nil))
			r := &reading{e: e, prompt: "> ", more: "  ", b: buffer{max: e.max}}
			for {
				r.keys()
				if err := r.refresh(); err != nil {
					t.Fatal(err)
				}
				if r.wait(context.Background()) == io.EOF {
					break
				}
			}
			if got := s.text(); got != c.screen {
				t.Errorf("screen\n%s\nwant\n%s", got, c.screen)
			}
			if got := s.before(); got != c.before {
				t.Errorf("before the cursor %q, want %q", got, c.before)
			}
		})
	}
}

// check compares the screen with the text: the text stands there, broken
// anyhow, and the cursor is in front of the rest.
func check(t testing.TB, s *screen, r *reading) bool {
	t.Helper()
	flat := func(text string) string {
		text = strings.NewReplacer("> ", "", " ", "", "\n", "").Replace(text)
		return text
	}
	var whole, before strings.Builder
	for y, l := range s.cells {
		line := strings.Join(l, "")
		whole.WriteString(line + "\n")
		if y < s.y {
			before.WriteString(line + "\n")
		}
	}
	before.WriteString(s.before())
	text := string(r.b.text)
	if got := flat(whole.String()); got != flat(text) {
		t.Errorf("screen %q, text %q", got, flat(text))
		return false
	}
	if got, want := flat(before.String()), flat(string(r.b.text[:r.b.at])); got != want {
		t.Errorf("cursor behind %q, want %q", got, want)
		return false
	}
	return true
}

// TestRandomKeys types at random into terminals of either opinion about joined
// emoji, with changes of width, and compares the screen with the text.
func TestRandomKeys(t *testing.T) {
	alphabet := []string{"a", "b", ".", "x", "日", "é", "e\u0301", "👩‍👩‍👧", "👍🏽", "🇩🇪", "ก\u0e33", "한", "ｱ", "❤️",
		left, left, right, up, down, ctrlA, ctrlE, ctrlK, ctrlU, ctrlW, ctrlY, ctrlT, "\x7f", "\x1b[3~", "\x1b\r", "\x1bb", "\x1bf", "\x1b[200~p\nq\x1b[201~"}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := newScreen(t, 12+rng.IntN(30), 60, seed%2 == 0)
		e := NewEditor(New(strings.NewReader(""), s, func() (int, int) { return s.w, s.h }, nil))
		r := &reading{e: e, prompt: "> ", more: "  ", b: buffer{max: e.max}}
		var keys []string
		for range 200 {
			if rng.IntN(20) == 0 && seed%4 == 0 {
				s.reflow(12 + rng.IntN(30)) // seen at the next key
			}
			k := alphabet[rng.IntN(len(alphabet))]
			keys = append(keys, k)
			e.t.pending = append(e.t.pending, k...)
			r.keys()
			if r.refresh(); !check(t, s, r) {
				t.Fatalf("seed %d, width %d, keys %q", seed, s.w, keys)
			}
		}
	}
}

func TestResize(t *testing.T) {
	resized := make(chan os.Signal)
	r, w := io.Pipe()
	s := newScreen(t, 20, 8, true)
	e := NewEditor(New(r, s, func() (int, int) { return s.w, s.h }, resized))
	got := make(chan string)
	go func() {
		text, _ := e.ReadLine(context.Background(), "> ", "  ")
		got <- text
	}()
	w.Write([]byte("some words, more than ten"))
	w.Write([]byte(left)) // the first ones are drawn
	w.Write([]byte(left))
	resized <- syscall.SIGTERM // drawn again at the old size
	s.reflow(10)
	resized <- syscall.SIGTERM
	w.Write([]byte("X"))
	w.Write([]byte("Y\r"))
	if text := <-got; text != "some words, more than tXYen" {
		t.Errorf("%q", text)
	}
	if want := "> some wo\nrds, more\n than tXY\nen"; s.text() != want {
		t.Errorf("screen\n%s\nwant\n%s", s.text(), want)
	}
}

func TestInterruptible(t *testing.T) {
	r, w := io.Pipe()
	s := newScreen(t, 20, 8, true)
	term := New(r, s, func() (int, int) { return s.w, s.h }, nil)
	ctx, stop := term.Interruptible(context.Background())
	w.Write([]byte("lost"))
	w.Write([]byte(ctrlC))
	<-ctx.Done()
	stop()
	ctx, stop = term.Interruptible(context.Background())
	w.Write([]byte("type ahead\r"))
	stop()
	if ctx.Err() == nil {
		t.Error("the context goes on behind the work")
	}
	if text, err := NewEditor(term).ReadLine(context.Background(), "", ""); text != "type ahead" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	var done atomic.Bool
	ctx, stop = term.Interruptible(context.Background())
	go func() { w.Close(); done.Store(true) }()
	for !done.Load() {
		time.Sleep(time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Error("the end of the input is no interrupt")
	}
	stop()
	stop()
	if _, err := NewEditor(term).ReadLine(context.Background(), "", ""); err != io.EOF {
		t.Error(err)
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	term := New(strings.NewReader(""), &b, nil, nil)
	if n, err := fmt.Fprint(term, "a\nb\n"); n != 4 || err != nil || b.String() != "a\r\nb\r\n" {
		t.Errorf("%d %v %q", n, err, b.String())
	}
}

func TestRuneWidth(t *testing.T) {
	for r, want := range map[rune]int{'a': 1, 'é': 1, '日': 2, 'ｱ': 1, 'Ａ': 2, '👍': 2, 0x301: 0, zwj: 0, emojiVariant: 0, '\t': 4, 0x1b: 2, 'ก': 1, 0xE34: 0, '한': 2, 0x11A8: 0, 0x1F1E6: 1, 0x2026: 1, 0xAD: 1, 0x200B: 0} {
		if got := RuneWidth(r); got != want {
			t.Errorf("%U: %d, want %d", r, got, want)
		}
	}
}

// FuzzKeys: no bytes may panic, hang or reach the screen as control
// characters.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{"a\x1b[A\r", "\x1b[200~x", "\x1b[", "\x1bO", "\xf0\x9f", "\"\"\"a\r\"\"\"\r", "👩‍👩‍👧\x7f\x14\x0b\x19", "\x1b\x1b\x1b[1;5C", "a\\\r\\\r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, keys []byte) {
		if len(keys) > 1000 {
			return
		}
		s := newScreen(t, 16, 5, true)
		for _, c := range keys {
			if c == 0x1A {
				return // suspend
			}
		}
		texts, err := typed(t, s, strings.NewReader(string(keys)))
		if err != io.EOF && err != ErrInterrupt {
			t.Errorf("%q: %v", texts, err)
		}
	})
}
