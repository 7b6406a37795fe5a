package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// prompt is a text, ids, or a terminal to ask.
type prompt struct {
	text     string
	ids      []int32
	file     bool // the text is a file or was piped in
	terminal bool
}

// maxPrompt bounds the bytes of a text that is read.
const maxPrompt = 64 << 20

func readPrompt(c *cli.Context) (prompt, error) {
	given := 0
	for _, f := range []string{"p", "f", "tokens"} {
		if c.IsSet(f) {
			given++
		}
	}
	switch {
	case given > 1:
		return prompt{}, usage(c, "more than one of -p, -f and --tokens")
	case c.IsSet("tokens"):
		ids, err := parseIDs(c.String("tokens"))
		if err != nil {
			return prompt{}, usage(c, "--tokens: %w", err)
		}
		return prompt{ids: ids}, nil
	case c.IsSet("p"):
		return prompt{text: c.String("p")}, nil
	case c.IsSet("f"):
		f, err := os.Open(c.String("f"))
		if err != nil {
			return prompt{}, err
		}
		defer f.Close()
		return readText(f, c.String("f"))
	case isTerminal(os.Stdin) && (!isTerminal(os.Stdout) || c.Bool("json")):
		return prompt{}, usage(c, "no prompt: say -p TEXT, -f FILE or --tokens 1,2,3, or pipe a text in (a chat needs a terminal to write to)")
	case isTerminal(os.Stdin):
		return prompt{terminal: true}, nil
	}
	return readText(os.Stdin, "standard input")
}

func readText(r io.Reader, name string) (prompt, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPrompt+1))
	if err == nil && len(text) > maxPrompt {
		err = fmt.Errorf("%s: more than %d bytes", name, maxPrompt)
	}
	return prompt{text: string(text), file: true}, err
}

// message is the text as a user would have typed it.
func (p *prompt) message() string {
	if p.file {
		return strings.TrimSuffix(p.text, "\n")
	}
	return p.text
}
