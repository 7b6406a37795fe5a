package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/dialog"
)

// jsonRun runs with --json and returns the lines of the tokens and the last.
func jsonRun(t *testing.T, args ...string) (tokens []tokenLine, total totalLine) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(ok(t, append([]string{"run", "--json"}, args...)...)), "\n")
	for i, l := range lines {
		if i == len(lines)-1 {
			if err := json.Unmarshal([]byte(l), &total); err != nil || !total.Done {
				t.Fatalf("%v: %s", err, l)
			}
			break
		}
		var k tokenLine
		if err := json.Unmarshal([]byte(l), &k); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		tokens = append(tokens, k)
	}
	return tokens, total
}

func TestRunText(t *testing.T) {
	m := demo(t)
	const prompt = "The prince looked at"
	out := ok(t, "run", m, "-p", prompt, "-n", "20", "--greedy")
	if !strings.HasPrefix(out, prompt) || !strings.HasSuffix(out, "\n") || len(out) < 40 || strings.ContainsRune(out, 0x1b) {
		t.Errorf("%q", out)
	}
	// The same from a file, by ids and with a template passed over.
	file := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(file, []byte(prompt), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ok(t, "run", m, "-f", file, "-n", "20", "--greedy", "--no-template"); got != out {
		t.Errorf("-f: %q, want %q", got, out)
	}
	ids := strings.TrimSpace(ok(t, "tokenize", m, "-p", prompt))
	if got := ok(t, "run", m, "--tokens", ids, "-n", "20", "--greedy"); prompt+got != out {
		t.Errorf("--tokens: %q, want %q", got, out)
	}
	tokens, total := jsonRun(t, m, "-p", prompt, "-n", "20", "--greedy")
	text := ""
	for _, k := range tokens {
		text += k.Text
		if k.LogProb == nil || *k.LogProb > 0 {
			t.Errorf("logprob %v", k.LogProb)
		}
	}
	if prompt+total.Text+"\n" != out || text != total.Text || total.Generated != len(tokens) || total.Finish != dialog.AtLength || total.Prompt != strings.Count(ids, ",")+1 {
		t.Errorf("%+v, text %q", total, text)
	}
	// A seed decides.
	a, b := ok(t, "run", m, "-p", prompt, "-n", "20", "--seed", "5"), ok(t, "run", m, "-p", prompt, "-n", "20", "--seed", "5")
	if c := ok(t, "run", m, "-p", prompt, "-n", "20", "--seed", "6"); a != b || a == c {
		t.Errorf("seed 5: %q, %q; seed 6: %q", a, b, c)
	}
}

func TestRunChat(t *testing.T) {
	m := demo(t)
	args := []string{m, "-p", "Who is Pierre?", "--template", chatML, "--greedy", "-n", "20"}
	_, total := jsonRun(t, args...)
	_, plain := jsonRun(t, m, "-p", "<|im_start|>user\nWho is Pierre?<|im_end|>\n<|im_start|>assistant\n", "--greedy", "-n", "20")
	// Without a template control tokens in the prompt are text.
	if plain.Prompt <= total.Prompt {
		t.Errorf("%d tokens as a chat, %d as text", total.Prompt, plain.Prompt)
	}
	if out := ok(t, append([]string{"run"}, args...)...); out != total.Text+"\n" {
		t.Errorf("%q, want %q", out, total.Text)
	}
	_, system := jsonRun(t, append(args, "--system", "Be brief.")...)
	if system.Prompt <= total.Prompt {
		t.Errorf("%d tokens with a system message, %d without", system.Prompt, total.Prompt)
	}
	// Standard input is a message without its last line end.
	in, err := os.CreateTemp(t.TempDir(), "in")
	if err != nil {
		t.Fatal(err)
	}
	in.WriteString("Who is Pierre?\n")
	in.Seek(0, 0)
	old := os.Stdin
	os.Stdin = in
	_, piped := jsonRun(t, m, "--template", chatML, "--greedy", "-n", "20")
	os.Stdin = old
	if piped.Text != total.Text || piped.Prompt != total.Prompt {
		t.Errorf("%+v, want %+v", piped, total)
	}
}

func TestRunReasoning(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "think.jinja")
	src := "{% for m in messages %}{{ m.content }}{% endfor %}{% if enable_thinking is not defined or enable_thinking %}<think>\n{% endif %}{{ style }}"
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{demo(t), "-p", "War", "--template", file, "--greedy", "-n", "8"}
	_, a := jsonRun(t, args...)
	if a.Reasoning == "" || a.Text != "" {
		t.Errorf("opened by the template: %+v", a)
	}
	if out := ok(t, append([]string{"run"}, args...)...); out != "<think>\n"+a.Reasoning+"\n" {
		t.Errorf("%q, as JSON %q", out, a.Reasoning)
	}
	_, b := jsonRun(t, append(args, "--no-think")...)
	if b.Reasoning != "" || b.Text == "" || b.Prompt >= a.Prompt {
		t.Errorf("--no-think: %+v", b)
	}
	_, c := jsonRun(t, append(args, "--think", "--template-var", `style=["x"]`)...)
	if c.Prompt <= a.Prompt {
		t.Errorf("--template-var: %+v", c)
	}
}

func TestRunStopAndBias(t *testing.T) {
	m := demo(t)
	args := []string{m, "-p", "The prince looked at", "--greedy", "-n", "30"}
	tokens, whole := jsonRun(t, args...)
	stop := whole.Text[len(whole.Text)/2 : len(whole.Text)/2+5]
	_, cut := jsonRun(t, append(args, "--stop", "never, ever", "--stop", stop)...)
	if cut.Finish != dialog.AtString || cut.StopText != stop || cut.Text != whole.Text[:strings.Index(whole.Text, stop)] {
		t.Errorf("--stop %q: %+v", stop, cut)
	}
	first := tokens[0].ID
	other, _ := jsonRun(t, append(args, "--logit-bias", sprint(first)+"=-inf", "--logit-bias", "42=0.5")...)
	if other[0].ID == first {
		t.Error("a forbidden token was generated")
	}
	forced, _ := jsonRun(t, append(args, "--logit-bias", "42=1000", "-n", "3")...)
	for _, k := range forced {
		if k.ID != 42 {
			t.Errorf("token %d in spite of a bias for 42", k.ID)
		}
	}
}

func sprint(id int32) string { b, _ := json.Marshal(id); return string(b) }

func TestRunRefuses(t *testing.T) {
	m := demo(t)
	bad := filepath.Join(t.TempDir(), "bad.jinja")
	if err := os.WriteFile(bad, []byte("{% for %}"), 0o600); err != nil {
		t.Fatal(err)
	}
	raises := filepath.Join(t.TempDir(), "raises.jinja")
	if err := os.WriteFile(raises, []byte("{{ raise_exception('no system messages') }}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "more than one of", []string{"-p", "x", "--tokens", "1"}},
		{2, "--system means nothing with a model without chat template", []string{"-p", "x", "--system", "y"}},
		{2, "--system means nothing with --no-template", []string{"-p", "x", "--system", "y", "--no-template"}},
		{2, "--template means nothing with --tokens", []string{"--tokens", "1", "--template", chatML}},
		{2, "no such file", []string{"-p", "x", "--template", "nowhere"}},
		{2, "cannot be told whether to think", []string{"-p", "x", "--template", chatML, "--think"}},
		{2, "both --think and --no-think", []string{"-p", "x", "--template", chatML, "--think", "--no-think"}},
		{2, "want NAME=VALUE", []string{"-p", "x", "--template", chatML, "--template-var", "x"}},
		{1, "bad.jinja", []string{"-p", "x", "--template", bad}},
		{1, "no system messages", []string{"-p", "x", "--template", raises}},
		{2, "want ID=BIAS", []string{"-p", "x", "--logit-bias", "4096=1"}},
		{2, "want ID=BIAS", []string{"-p", "x", "--logit-bias", "1"}},
		{2, "want a bias", []string{"-p", "x", "--logit-bias", "1=inf"}},
		{2, "twice", []string{"-p", "x", "--logit-bias", "1=1", "--logit-bias", "1=2"}},
		{2, "empty text", []string{"-p", "x", "--stop", ""}},
		{2, "top-p", []string{"-p", "x", "--top-p", "2"}},
		{2, "-n -1", []string{"-p", "x", "-n", "-1"}},
		{1, "no tokens", []string{"-p", ""}},
		{1, "the context is full", []string{"-p", strings.Repeat("war ", 50), "--context", "20"}},
	} {
		fails(t, c.code, c.want, append([]string{"run", m}, c.args...)...)
	}
	noTok := bundle(t, "qwen3-f32-tied")
	fails(t, 1, "no tokenizer", "run", noTok, "-p", "x")
	fails(t, 2, "--stop with a model that has no tokenizer", "run", noTok, "--tokens", "1", "--stop", "x")
}

// TestRunSources: a checkpoint in memory answers as its bundle does.
func TestRunSources(t *testing.T) {
	args := []string{"-p", "Who is Pierre?", "--template", chatML, "--greedy", "-n", "10"}
	want := ok(t, append([]string{"run", demo(t)}, args...)...)
	if got := ok(t, append([]string{"run", testutil.Model("war-and-peace"), "--type", "q8_0", "--no-cache"}, args...)...); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRunClosedPipe: a reader that leaves is no failure.
func TestRunClosedPipe(t *testing.T) {
	m := demo(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	old := os.Stdout
	os.Stdout = w
	errs, end := capture(t, &os.Stderr)
	code := run(context.Background(), []string{"tessera", "run", m, "-p", "The prince", "-n", "50", "--greedy"})
	os.Stdout = old
	end()
	w.Close()
	if msg := <-errs; code != 0 || strings.Contains(msg, "tessera:") {
		t.Errorf("exit code %d, %q", code, msg)
	}
}

// TestRunInterrupted: Ctrl-C ends with the exit code of an interrupt.
func TestRunInterrupted(t *testing.T) {
	m := demo(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if out, errs, code := appContext(t, ctx, "run", m, "-p", "The prince", "--greedy"); code != exitSignal || !strings.Contains(errs, "interrupted") {
		t.Errorf("exit code %d: %q %q", code, out, errs)
	}
}
