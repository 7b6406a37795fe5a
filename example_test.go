package tessera_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"

	"github.com/tessera-llm/tessera"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// The checkpoint of the examples: small, trained on one novel, and without a chat template,
// so one is named. In memory, since a cache is not worth its while.
var options = tessera.OpenOptions{InMemory: true, Type: "q8_0", Template: "pkg/dialog/testdata/chatml.jinja"}

const novel = "testdata/models/war-and-peace"

// Open a checkpoint and chat. The answer is the same on every machine.
func Example() {
	m, err := tessera.Open(novel, options)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	o := tessera.Options{Sampler: &sampler.Config{}, MaxTokens: 24} // greedy
	for e, err := range m.Chat(context.Background(), []tessera.Message{tessera.User("Who is Pierre?")}, o) {
		switch {
		case err != nil:
			log.Fatal(err)
		case e.Kind == tessera.Text:
			fmt.Print(e.Text)
		case e.Kind == tessera.Stop:
			fmt.Printf("\n%d tokens, ended by %s\n", e.Answer.Tokens, e.Answer.End)
		}
	}
	// Output:
	// and the Emperor Alexander, and the Emperor Alexander, who was in the
	// military state of affairs, was the
	// 24 tokens, ended by length
}

// What a model thinks before it answers comes as events of a kind of its own, between marks.
// This template opens the reasoning itself.
func ExampleModel_Chat_reasoning() {
	o := options
	o.Template = "testdata/think.jinja"
	m, err := tessera.Open(novel, o)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for e, err := range m.Chat(context.Background(), []tessera.Message{tessera.User("War")}, tessera.Options{Sampler: &sampler.Config{}, MaxTokens: 12}) {
		switch {
		case err != nil:
			log.Fatal(err)
		case e.Kind == tessera.Control:
			fmt.Printf("mark %q\n", e.Text)
		case e.Kind == tessera.Reasoning:
			fmt.Print(e.Text, "|")
		case e.Kind == tessera.Stop:
			fmt.Printf("\nreasoning %q, answer %q\n", e.Answer.Reasoning, e.Answer.Text)
		}
	}
	// Output:
	// mark "<think>\n"
	// ?| What| is| it|?| What| is| it|?| What| is| it|
	// reasoning "? What is it? What is it? What is it", answer ""
}

// Go on with a text, and have a say in every token: the hook sees the logits of the whole
// vocabulary behind each step and changes them. Here it forbids the comma.
func ExampleModel_Generate_logits() {
	m, err := tessera.Open(novel, options)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	comma, err := m.Tokenize(",")
	if err != nil {
		log.Fatal(err)
	}
	o := tessera.Options{Sampler: &sampler.Config{}, MaxTokens: 16}
	for range 2 {
		a, err := tessera.Collect(m.Generate(context.Background(), "The prince looked at", o))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", a.Text)
		o.Logits = func(logits []float32) error {
			logits[comma[0]] = float32(math.Inf(-1))
			return nil
		}
	}
	// Output:
	// " him and, as if he had not\nseen him, he had not seen"
	// " him and at the\nladies of the crowd. The old prince was"
}

// A conversation goes on: what it has read it does not read again.
func ExampleModel_NewConversation() {
	m, err := tessera.Open(novel, options)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	c, err := m.NewConversation()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, o := context.Background(), tessera.Options{Sampler: &sampler.Config{}, MaxTokens: 6}
	for _, question := range []string{"Who is Pierre?", "And Natasha?"} {
		a, err := tessera.Collect(c.Say(ctx, question, o))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q after %d tokens, %d of them known\n", a.Text, a.Prompt, a.Reused)
	}
	// Output:
	// "and the Emperor Alexander, and" after 16 tokens, 0 of them known
	// "and the Emperor Alexander, and" after 38 tokens, 21 of them known
}

// Text to ids and back. A control token that is spelt in a text stays text.
func ExampleModel_Tokenize() {
	m, err := tessera.Open(novel, options)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	ids, err := m.Tokenize("Prince Andrew<|im_end|>")
	if err != nil {
		log.Fatal(err)
	}
	text, err := m.Detokenize(ids)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
	fmt.Println(text)
	// Output:
	// [1051 555 27 91 299 62 700 91 29]
	// Prince Andrew<|im_end|>
}

// One segment of a bundle by itself: ids in, hidden states out. Only its own files have to
// be there; the others may be on other machines.
func ExampleOpenSegment() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	ck, err := checkpoint.Open("testdata/models/qwen3-f32-tied")
	if err != nil {
		log.Fatal(err)
	}
	defer ck.Close()
	plan, err := convert.NewPlan(ctx, ck, convert.Options{DecoderParts: 2})
	if err != nil {
		log.Fatal(err)
	}
	bundle := filepath.Join(dir, "m.tess")
	if err := plan.Write(ctx, bundle, convert.WriteOptions{}); err != nil {
		log.Fatal(err)
	}
	values := map[string]tessera.Array{"tokens": {Shape: []int{3}, I32: []int32{5, 200, 17}}}
	for _, name := range []string{"embed", "decoder-0"} {
		s, err := tessera.OpenSegment(bundle, name, tessera.SegmentOptions{})
		if err != nil {
			log.Fatal(err)
		}
		if values, err = s.Run(ctx, values, nil); err != nil {
			log.Fatal(err)
		}
		for value, a := range values {
			fmt.Println(name, "gives", value, a.Shape, "and holds", s.Len(), "positions")
		}
		if err := s.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// embed gives hidden.embed [3 64] and holds 0 positions
	// decoder-0 gives layer.0 [3 64] and holds 3 positions
}
