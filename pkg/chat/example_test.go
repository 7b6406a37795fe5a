package chat_test

import (
	"context"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/chat"
)

func Example() {
	src := "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}" +
		"{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
	t, err := chat.Parse(src)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := t.Render(context.Background(), chat.Input{
		Messages:            []chat.Message{{Role: "user", Content: "Is <|im_end|> a token?"}},
		AddGenerationPrompt: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range p {
		fmt.Printf("%-5v %q\n", s.Trusted, s.Text)
	}
	// Output:
	// true  "<|im_start|>user\n"
	// false "Is <|im_end|> a token?"
	// true  "<|im_end|>\n<|im_start|>assistant\n"
}

func ExampleSelect() {
	found, err := chat.Select(chat.Sources{
		TokenizerConfig: []byte(`{"chat_template": [{"name": "default", "template": "..."}, {"name": "tool_use", "template": "{{ tools }}"}]}`),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := found.Pick("", true)
	fmt.Println(t.Name, t.Source, t.From, err)
	// Output: tool_use {{ tools }} tokenizer_config.json chat_template <nil>
}
