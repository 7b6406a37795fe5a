package tokenizer_test

import (
	"fmt"
	"os"

	"github.com/tessera-llm/tessera/pkg/tokenizer"
)

// A tokenizer.json is loaded, text encoded and decoded, and the compiled form
// written and read back.
func Example() {
	data, err := os.ReadFile("testdata/small/llama3.json")
	if err != nil {
		panic(err)
	}
	tok, err := tokenizer.FromJSON(data, nil)
	if err != nil {
		panic(err)
	}
	ids, err := tok.Encode("the fox<|im_start|>", tokenizer.EncodeOptions{AddSpecial: true, ParseSpecial: true})
	if err != nil {
		panic(err)
	}
	for _, id := range ids {
		piece, kind, _ := tok.Piece(id)
		fmt.Printf("%s (%s)\n", piece, kind)
	}
	packed, err := tok.MarshalBinary()
	if err != nil {
		panic(err)
	}
	if tok, err = tokenizer.Load(packed); err != nil {
		panic(err)
	}
	fmt.Println(tok.Decode(ids, tokenizer.DecodeOptions{SkipSpecial: true}))
	// Output:
	// <|endoftext|> (control)
	// the (normal)
	// Ġfo (normal)
	// x (normal)
	// <|im_start|> (control)
	// the fox
}

// Tokens arrive one by one; the text is handed out in whole characters.
func ExampleStreamDecoder() {
	data, err := os.ReadFile("testdata/small/llama2.json")
	if err != nil {
		panic(err)
	}
	tok, err := tokenizer.FromJSON(data, nil)
	if err != nil {
		panic(err)
	}
	d := tok.NewDecoder(tokenizer.DecodeOptions{})
	for _, piece := range []string{"<0xC3>", "<0xA9>", "a"} {
		id, _ := tok.TokenID(piece)
		fmt.Printf("%q ", d.Push(id))
	}
	fmt.Printf("%q\n", d.Flush())
	// Output: "" "é" "a" ""
}
