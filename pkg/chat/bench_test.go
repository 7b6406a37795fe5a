package chat

import (
	"context"
	"os"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

var benchTemplates = []string{"Qwen-Qwen3-0.6B", "meta-llama-Llama-3.1-8B-Instruct", "openai-gpt-oss-120b", "google-gemma-4-31B-it"}

func BenchmarkParse(b *testing.B) {
	for _, name := range benchTemplates {
		src, err := os.ReadFile(testutil.SharedData(b, "templates/"+name+".jinja"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(string(src)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRender renders a conversation with tools, and one of 100 turns; bytes are those of the prompt.
func BenchmarkRender(b *testing.B) {
	e, _ := readExpected(b)
	long := input(b, e.Cases["multi"])
	for range 50 {
		long.Messages = append(long.Messages, Message{Role: "assistant", Content: "An answer of a few words."}, Message{Role: "user", Content: "And another question, as ever."})
	}
	for _, name := range benchTemplates {
		src, err := os.ReadFile(testutil.SharedData(b, "templates/"+name+".jinja"))
		if err != nil {
			b.Fatal(err)
		}
		t := mustParse(b, string(src))
		for _, c := range []struct {
			name string
			in   Input
		}{{"tools", input(b, e.Cases["tools"])}, {"turns100", long}} {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p, err := t.Render(context.Background(), c.in)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(len(p.String())))
				}
			})
		}
	}
}
