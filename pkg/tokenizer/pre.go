package tokenizer

import "github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"

// preRow is what the name of a pre-tokenizer in GGUF (tokenizer.ggml.pre)
// stands for.
type preRow struct {
	names        []string
	nfc          bool // the model's own tokenizer normalises first; GGUF does not say so
	steps        []step
	ignoreMerges bool
	addBOS       bool // unless the file says otherwise
}

func scan(name string) step { return step{Op: opScan, Pattern: name} }

var (
	bytesOnly  = step{Op: opByteLevel}
	bytesGPT2  = step{Op: opByteLevel, Split: true}
	digits     = step{Op: opDigits, Split: true}
	digitRuns  = step{Op: opDigits}
	regexSplit = func(p string) step { return step{Op: opSplit, Pattern: p, Behavior: split.Isolated} }
)

// preRows follow the tokenizer.json files of the models, not llama.cpp's
// expressions, where those only come close to them (o200k, tekken, falcon).
var preRows = []preRow{
	{names: []string{"gpt-2", "phi-2", "jais", "gigachat", "a.x-4.0", "mellum", "exaone4", "trillion", "granite-docling"}, steps: []step{bytesGPT2}},
	{names: []string{"mpt", "olmo"}, nfc: true, steps: []step{bytesGPT2}},
	{names: []string{"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"}, steps: []step{digits, bytesGPT2}},
	{
		names: []string{"falcon"},
		steps: []step{{Op: opPunctuation, Behavior: split.Contiguous}, bytesGPT2, digitRuns, scan("ascii-digits3")},
	},
	{
		names: []string{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
		steps: []step{scan("llama3"), bytesOnly}, ignoreMerges: true, addBOS: true,
	},
	{names: []string{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, steps: []step{scan("llama3"), bytesOnly}},
	{names: []string{"minicpm5"}, steps: []step{scan("digits3"), scan("llama3-digits"), bytesOnly}, ignoreMerges: true},
	{names: []string{"qwen2"}, nfc: true, steps: []step{scan("qwen2"), bytesOnly}},
	{
		names: []string{"deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan", "grok-2", "solar-open", "bailingmoe", "bailingmoe2", "llada-moe"},
		steps: []step{scan("qwen2"), bytesOnly},
	},
	{names: []string{"ufakzeka"}, steps: []step{scan("qwen2-plain"), bytesOnly}},
	{names: []string{"laguna"}, steps: []step{scan("lines"), scan("qwen2"), bytesOnly}},
	{names: []string{"qwen35"}, nfc: true, steps: []step{scan("qwen35"), bytesOnly}},
	{names: []string{"gpt-4o", "llama4", "kanana2", "minimax-m2"}, steps: []step{scan("o200k"), bytesOnly}},
	{names: []string{"tekken"}, steps: []step{scan("tekken"), bytesOnly}, ignoreMerges: true, addBOS: true},
	{
		names: []string{"tiny_aya", "cohere2moe"},
		steps: []step{regexSplit(`\d{1,3}(?=(?:\d{3})*\b)`), scan("o200k"), bytesOnly},
	},
	{
		names: []string{"seed-coder"},
		steps: []step{regexSplit(`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`), bytesOnly},
	},
	{
		names: []string{"deepseek-llm"},
		steps: []step{scan("line-end"), scan("llm-letters"), scan("llm-punct"), scan("end-spaces"), scan("cjk"), digits, bytesOnly},
	},
	{
		names: []string{"deepseek-coder"},
		steps: []step{scan("line-end"), scan("coder-letters"), scan("coder-punct"), scan("cjk"), digits, bytesOnly},
	},
	{
		names: []string{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"},
		steps: []step{scan("digits3"), scan("cjk-v3"), scan("deepseek-v3"), bytesOnly},
	},
}

// preByName finds the row of a name.
func preByName(name string) *preRow {
	for i := range preRows {
		for _, n := range preRows[i].names {
			if n == name {
				return &preRows[i]
			}
		}
	}
	return nil
}
