package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/lineedit"
	"github.com/tessera-llm/tessera/pkg/dialog"
)

// player is a user: it types a line when the prompt is shown.
type player struct {
	typed chan string
	lines []string
	mu    sync.Mutex
	out   bytes.Buffer
	from  int // in out: behind the last line typed
	left  bool
	react string // typed as soon as there is output behind a line, once
}

func (p *player) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	shown := p.out.String()[p.from:]
	if p.react != "" && strings.Count(shown, "\n") > 0 && len(shown) > 40 {
		p.typed <- p.react
		p.react = ""
	}
	if strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(shown, "\x1b[J"), "\x1b[K"), "\r"+promptText) {
		p.from = p.out.Len()
		if len(p.lines) == 0 {
			p.leave()
			return len(b), nil
		}
		line := p.lines[0]
		p.lines = p.lines[1:]
		if rest, ok := strings.CutPrefix(line, "react "); ok {
			p.react, line, _ = strings.Cut(rest, " ")
		}
		if line != "\x03" {
			line += "\r"
		}
		p.typed <- line
	}
	return len(b), nil
}

// leave ends the input behind what has been typed.
func (p *player) leave() {
	if !p.left {
		close(p.typed)
	}
	p.left = true
}

// typing writes what is typed, in order.
func (p *player) typing(w *io.PipeWriter) {
	for s := range p.typed {
		w.Write([]byte(s))
	}
	w.Close()
}

// play chats and returns what was on the screen.
func play(t *testing.T, tk *talk, lines ...string) (*chatter, string) {
	t.Helper()
	t.Setenv("NO_COLOR", "1")
	r, w := io.Pipe()
	p := &player{typed: make(chan string, len(lines)+1), lines: lines}
	go p.typing(w)
	term := lineedit.New(r, p, func() (int, int) { return 200, 50 }, nil)
	c := newChatter(tk, newConsole(term))
	done := make(chan error)
	go func() { done <- c.run(context.Background()) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(3 * time.Minute):
		t.Fatalf("the chat hangs; the screen:\n%s", p.out.String())
	}
	if len(p.lines) > 0 && !c.over {
		t.Errorf("not typed: %q", p.lines)
	}
	return c, strings.NewReplacer("\r\n", "\n", "\r", "", "\x1b[K", "", "\x1b[J", "").Replace(p.out.String())
}

// wants checks that texts come in order.
func wants(t *testing.T, screen string, texts ...string) {
	t.Helper()
	rest := screen
	for _, s := range texts {
		i := strings.Index(rest, s)
		if i < 0 {
			t.Errorf("%q is missing, or not in order, in\n%s", s, screen)
			return
		}
		rest = rest[i+len(s):]
	}
}

func TestChatLoop(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chat.json")
	c, screen := play(t, newTestTalk(t, limits(6)),
		"Who is Pierre?", "/stats", "/system Be brief.", "/system", "And Natasha?", "/undo", "/retry", "/save "+file, "/reset", "/undo", "/load "+file,
		"/set", "/set temperature 0.5", "/set top-p 7", "/set nothing 1", "/set think on", "/nonsense", "//not a command", "/help", "/exit")
	if !c.over || len(c.Messages) != 4 || c.Messages[2].Content != "/not a command" {
		t.Errorf("%d messages, over %v", len(c.Messages), c.over)
	}
	wants(t, screen, "/help lists commands", "> Who is Pierre?", "[prompt: ", "generation: 6 tokens", "of 512 tokens", "ended by length", "the system message is changed", "Be brief.",
		"> And Natasha?", "[prompt: ", "2 messages are left", "temperature 0: the same answer", "2 messages in", "forgotten", "error: nothing to undo", "> /load", "2 messages",
		"top-p", "temperature is 0.5", "error: top-p 7", "error: no setting \"nothing\"", "cannot be told whether to think", "error: no command /nonsense", "> //not", "[prompt", "/retry", "leave (Ctrl-D)")
	if c.System != "Be brief." || c.set.sampler.TopP != 0 || c.set.Think != nil {
		t.Errorf("%q %+v", c.System, c.set)
	}
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), `"content": "Be brief."`) {
		t.Errorf("%s %v", data, err)
	}
}

func TestChatInterrupt(t *testing.T) {
	tk := newTestTalk(t, settings{Options: dialog.Options{IgnoreEOS: true}})
	c, screen := play(t, tk, "react \x03 Tell me all.", "/set max-tokens 4", "And then?", "\x03", "\x03")
	if len(c.Messages) != 4 {
		t.Fatalf("%d messages\n%s", len(c.Messages), screen)
	}
	wants(t, screen, "> Tell me all.", "; stopped]", "> And then?", " known)", "generation: 4 tokens", "Ctrl-C again or Ctrl-D leaves")
	if s, _ := c.Messages[1].Content.(string); s == "" || !strings.Contains(screen, strings.SplitN(s, "\n", 2)[0]) {
		t.Errorf("%q is not the answer on the screen", s)
	}
}

func TestChatLines(t *testing.T) {
	c, screen := play(t, newTestTalk(t, limits(3)), "one\\\rtwo", "\x1b[200~a\r\nb\x1b[201~", "日本語 👩‍👩‍👧", "", "  ", "\x1b[A\x1b[A\x1b[A\x1b[A!")
	var got []string
	for _, m := range c.Messages {
		if m.Role == "user" {
			got = append(got, m.Content.(string))
		}
	}
	if want := "one\ntwo|a\nb|日本語 👩‍👩‍👧|one\ntwo!"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %q\n%s", got, want, screen)
	}
}

func TestChatWithoutTemplate(t *testing.T) {
	tk := openTalk(t, limits(5), "")
	c, screen := play(t, tk, "The prince", "The prince", "/undo", "/retry", "/system x", "/stats")
	wants(t, screen, "no chat template", "> The prince", "[prompt: ", "[prompt: ", "known)", "error: /undo needs a chat template", "error: /retry", "error: /system", "context ")
	if len(c.Messages) > 0 {
		t.Errorf("%d messages", len(c.Messages))
	}
}

func TestChatFull(t *testing.T) {
	c, screen := play(t, newTestTalk(t, limits(3)), "one", "Tell all of it: "+strings.Repeat("1812 ", 110), "two", "/reset")
	wants(t, screen, "error: the context is full", "/undo and /reset make room", "forgotten")
	_ = c
}

func TestDumbConsole(t *testing.T) {
	t.Setenv("TERM", "dumb")
	in, err := os.CreateTemp(t.TempDir(), "in")
	if err != nil {
		t.Fatal(err)
	}
	in.WriteString("one\\\ntwo\n/set top-k 3\n\"\"\"a\nb\"\"\"\n")
	in.Seek(0, 0)
	old := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = old }()
	out, end := capture(t, &os.Stdout)
	tk := newTestTalk(t, limits(3))
	err = chatOnTerminal(context.Background(), tk)
	end()
	text := <-out
	if err != nil || strings.ContainsRune(text, 0x1b) {
		t.Errorf("%v %q", err, text)
	}
	wants(t, text, promptText+moreText, "[prompt", "top-k is 3", promptText+moreText, "[prompt")
}
