package split

import (
	"strings"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// The scanners under the names that the rest of the tokenizer uses.
var (
	GPT2         Scanner = gpt2
	Llama3               = llama3(uclass.L, 3, false)
	Llama3Digits         = llama3(uclass.L, 0, false)
	Qwen2                = llama3(uclass.L, 1, false)
	Qwen2Plain           = llama3(uclass.L, 1, true)
	Qwen35               = llama3(uclass.L|uclass.M, 1, false)
	O200k                = cased(3, true)
	Tekken               = cased(1, false)
	DeepseekV3   Scanner = deepseekV3
	Digits3              = classRun(uclass.N, false, 3)
	Digit                = classRun(uclass.N, false, 1)
	Digits               = classRun(uclass.N, false, 0)
	CJKV3                = runOf(v3CJK, false)
	CJK                  = runOf(deepseekCJK, false)
	LLMLetters           = runOf(deepseekLetters, true)
	LLMPunct             = runOf(deepseekPunct, true)
	CoderLetters         = classRun(uclass.L, true, 0)
	CoderPunct           = classRun(uclass.P, true, 0)
	LineEnd      Scanner = lineEnd
	EndSpaces    Scanner = endSpaces
	ASCIIDigits3 Scanner = threeDigits
	Lines        Scanner = lines
	spaceWord            = `\s*[\r\n]+|\s+(?!\S)|\s+`
	spaceWord1           = `\s*[\r\n]|\s+(?!\S)|\s+` // matches the same
	folded               = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	foldedShort          = `'(?i:[sdmt]|ll|ve|re)`
	upperWord            = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	upperOnly            = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`
	letterWord           = `[^\r\n\p{L}\p{N}]?\p{L}+|`
	letterAtomic         = `[^\r\n\p{L}\p{N}]?+\p{L}+|`
	others               = `| ?[^\s\p{L}\p{N}]+[\r\n]*|`
	othersAtomic         = `| ?[^\s\p{L}\p{N}]++[\r\n]*|`
	slashes              = `| ?[^\s\p{L}\p{N}]+[\r\n/]*|`
)

// named maps regular expressions to scanners, written as tokenizer.json files
// write them.
var named = map[string]Scanner{
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`: GPT2,

	folded + `|` + letterWord + `\p{N}{1,3}` + others + spaceWord:                                 Llama3,
	foldedShort + `|` + letterAtomic + `\p{N}{1,3}` + othersAtomic + spaceWord1:                   Llama3, // cl100k
	folded + `|` + letterWord + `\p{N}+` + others + spaceWord:                                     Llama3Digits,
	folded + `|` + letterWord + `\p{N}` + others + spaceWord:                                      Qwen2,
	foldedShort + `|` + letterAtomic + `\p{N}` + othersAtomic + spaceWord1:                        Qwen2,
	letterWord + `\p{N}` + others + spaceWord:                                                     Qwen2Plain,
	folded + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|` + spaceWord: Qwen35,

	upperWord + folded + `?|` + upperOnly + folded + `?|\p{N}{1,3}` + slashes + spaceWord: O200k,
	upperWord + `|` + upperOnly + `|\p{N}` + slashes + spaceWord:                          Tekken,

	`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` + "`" + `{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|` + spaceWord: DeepseekV3,

	`\p{N}{1,3}`:      Digits3,
	`\p{N}`:           Digit,
	`\p{N}+`:          Digits,
	`\s?\p{L}+`:       CoderLetters,
	`\s?\p{P}+`:       CoderPunct,
	`[\r\n]`:          LineEnd,
	`\s+$`:            EndSpaces,
	`[0-9][0-9][0-9]`: ASCIIDigits3,
	`[^\n]+|[\n]+`:    Lines,
}

// Named returns the scanner of a regular expression, if there is one: the
// known patterns, and every expression of the form [set]+ or \s?[set]+ whose
// set lists characters and ranges.
func Named(pattern string) (Scanner, bool) {
	p := strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(pattern)
	if s, ok := named[p]; ok {
		return s, true
	}
	if set, space, ok := parseSet(p); ok {
		return runOf(set, space), true
	}
	return nil, false
}
