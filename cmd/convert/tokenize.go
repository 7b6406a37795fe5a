package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/cache"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
)

func tokenizeCommand() *cli.Command {
	return &cli.Command{
		Name:      "tokenize",
		Usage:     "turn text into token ids, or ids into text",
		ArgsUsage: "BUNDLE|CHECKPOINT [-p TEXT | --tokens 1,2,3]",
		Description: `  tessera tokenize model.tess -p "Hello world"
  tessera tokenize model.gguf -p "<|im_start|>user" --parse-special --pieces
  tessera tokenize model/ --tokens 9707,1879
  cat book.txt | tessera tokenize model.tess --json`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "p", Aliases: []string{"prompt"}, Usage: "the `TEXT`"},
			&cli.StringFlag{Name: "f", Aliases: []string{"file"}, Usage: "read the text from `FILE`"},
			tokensFlag, jsonFlag,
			&cli.BoolFlag{Name: "add-special", Usage: "add the tokens the model wants around a text (bos)"},
			&cli.BoolFlag{Name: "parse-special", Usage: "read special tokens in the text as such, not as characters"},
			&cli.BoolFlag{Name: "pieces", Usage: "one token per line: id, bytes of the text, piece"},
			&cli.BoolFlag{Name: "skip-special", Usage: "leave special tokens out when decoding"},
		},
		Action: tokenizeAction,
	}
}

func tokenizeAction(c *cli.Context) error {
	path, err := oneArg(c, "a bundle or a checkpoint")
	if err != nil {
		return err
	}
	tok, err := cache.Tokenizer(path)
	if err != nil {
		return err
	}
	if c.IsSet("tokens") {
		ids, err := parseIDs(c.String("tokens"))
		if err != nil {
			return usage(c, "--tokens: %w", err)
		}
		for _, id := range ids {
			if int(id) >= tok.Size() {
				return usage(c, "--tokens: id %d is outside the vocabulary of %d", id, tok.Size())
			}
		}
		text := tok.Decode(ids, tokenizer.DecodeOptions{SkipSpecial: c.Bool("skip-special")})
		if c.Bool("json") {
			return json.NewEncoder(os.Stdout).Encode(map[string]any{"ids": ids, "text": text})
		}
		fmt.Println(text)
		return nil
	}
	text, err := textArgument(c)
	if err != nil {
		return err
	}
	tokens, err := tok.EncodeOffsets(text, tokenizer.EncodeOptions{AddSpecial: c.Bool("add-special"), ParseSpecial: c.Bool("parse-special")})
	if err != nil {
		return err
	}
	return printTokens(c, tok, tokens)
}

func textArgument(c *cli.Context) (string, error) {
	switch {
	case c.IsSet("p"):
		return c.String("p"), nil
	case c.IsSet("f"):
		text, err := os.ReadFile(c.String("f"))
		return string(text), err
	}
	if st, err := os.Stdin.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
		return "", usage(c, "no text: say -p TEXT or -f FILE, or pipe one in")
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<30))
	return string(text), err
}

func printTokens(c *cli.Context, tok *tokenizer.Tokenizer, tokens []tokenizer.Token) error {
	type row struct {
		ID    int32  `json:"id"`
		Piece string `json:"piece"`
		Start int    `json:"start"`
		End   int    `json:"end"`
	}
	rows := make([]row, len(tokens))
	ids := make([]string, len(tokens))
	for i, t := range tokens {
		piece, _, _ := tok.Piece(t.ID)
		rows[i] = row{t.ID, piece, t.Start, t.End}
		ids[i] = fmt.Sprint(t.ID)
	}
	switch {
	case c.Bool("json"):
		return json.NewEncoder(os.Stdout).Encode(rows)
	case c.Bool("pieces"):
		for _, r := range rows {
			fmt.Printf("%8d  %d..%d  %q\n", r.ID, r.Start, r.End, r.Piece)
		}
	default:
		fmt.Println(strings.Join(ids, ","))
	}
	return nil
}
