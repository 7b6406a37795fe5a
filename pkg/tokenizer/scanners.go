package tokenizer

import "github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"

// scanners are the split patterns that GGUF files choose by the name of a
// pre-tokenizer.
var scanners = map[string]split.Scanner{
	"gpt2":          split.GPT2,
	"llama3":        split.Llama3,
	"llama3-digits": split.Llama3Digits,
	"qwen2":         split.Qwen2,
	"qwen2-plain":   split.Qwen2Plain,
	"qwen35":        split.Qwen35,
	"o200k":         split.O200k,
	"tekken":        split.Tekken,
	"deepseek-v3":   split.DeepseekV3,
	"digits3":       split.Digits3,
	"cjk-v3":        split.CJKV3,
	"cjk":           split.CJK,
	"llm-letters":   split.LLMLetters,
	"llm-punct":     split.LLMPunct,
	"coder-letters": split.CoderLetters,
	"coder-punct":   split.CoderPunct,
	"line-end":      split.LineEnd,
	"end-spaces":    split.EndSpaces,
	"ascii-digits3": split.ASCIIDigits3,
	"lines":         split.Lines,
}
