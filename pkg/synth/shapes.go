package synth

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/model"
)

// shape is one row of the table of models.
type shape struct {
	name  string
	about string
	c     model.Config
}

// llama3 is the rotation of Llama 3.1 and later.
func llama3(factor float64) model.Rope {
	return model.Rope{Type: "llama3", Theta: 5e5, Factor: factor, LowFreq: 1, HighFreq: 4, Original: 8192}
}

func plain(theta float64) model.Rope { return model.Rope{Type: "default", Theta: theta} }

// shapes is the table of models. The figures are those of the published
// configs; what follows from them is filled in by find.
var shapes = []shape{
	{"llama-1b", "Llama 3.2 1B", model.Config{Arch: "llama", Hidden: 2048, Intermediate: 8192, Layers: 16, Heads: 32, KVHeads: 8, HeadDim: 64,
		Vocab: 128256, ContextLength: 131072, RMSEps: 1e-5, Tied: true, Rope: llama3(32)}},
	{"llama-3b", "Llama 3.2 3B", model.Config{Arch: "llama", Hidden: 3072, Intermediate: 8192, Layers: 28, Heads: 24, KVHeads: 8, HeadDim: 128,
		Vocab: 128256, ContextLength: 131072, RMSEps: 1e-5, Tied: true, Rope: llama3(32)}},
	{"llama-8b", "Llama 3.1 8B", model.Config{Arch: "llama", Hidden: 4096, Intermediate: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128,
		Vocab: 128256, ContextLength: 131072, RMSEps: 1e-5, Rope: llama3(8)}},
	{"mistral-7b", "Mistral 7B v0.3", model.Config{Arch: "mistral", Hidden: 4096, Intermediate: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128,
		Vocab: 32768, ContextLength: 32768, RMSEps: 1e-5, Rope: plain(1e6)}},
	{"qwen2-0.5b", "Qwen2 0.5B", model.Config{Arch: "qwen2", Hidden: 896, Intermediate: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64,
		Vocab: 151936, ContextLength: 131072, RMSEps: 1e-6, Tied: true, Rope: plain(1e6)}},
	{"qwen2.5-1.5b", "Qwen2.5 1.5B", model.Config{Arch: "qwen2", Hidden: 1536, Intermediate: 8960, Layers: 28, Heads: 12, KVHeads: 2, HeadDim: 128,
		Vocab: 151936, ContextLength: 131072, RMSEps: 1e-6, Tied: true, Rope: plain(1e6)}},
	{"qwen3-0.6b", "Qwen3 0.6B", model.Config{Arch: "qwen3", Hidden: 1024, Intermediate: 3072, Layers: 28, Heads: 16, KVHeads: 8, HeadDim: 128,
		Vocab: 151936, ContextLength: 40960, RMSEps: 1e-6, Tied: true, Rope: plain(1e6)}},
	{"qwen3-1.7b", "Qwen3 1.7B", model.Config{Arch: "qwen3", Hidden: 2048, Intermediate: 6144, Layers: 28, Heads: 16, KVHeads: 8, HeadDim: 128,
		Vocab: 151936, ContextLength: 40960, RMSEps: 1e-6, Tied: true, Rope: plain(1e6)}},

	{"tiny-llama", "a llama for tests", tiny("llama", false, model.Rope{Type: "llama3", Theta: 1e4, Factor: 8, LowFreq: 1, HighFreq: 4, Original: 512})},
	{"tiny-llama-tied", "a tied llama for tests", tiny("llama", true, plain(1e4))},
	{"tiny-mistral", "a mistral for tests", tiny("mistral", false, plain(1e6))},
	{"tiny-qwen2", "a qwen2 for tests", tiny("qwen2", true, plain(1e6))},
	{"tiny-qwen3", "a qwen3 for tests", tiny("qwen3", true, plain(1e6))},
}

// tiny is a model of about 2 million weights on which every block type fits.
func tiny(arch string, tied bool, rope model.Rope) model.Config {
	return model.Config{Arch: arch, Hidden: 256, Intermediate: 512, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 64,
		Vocab: 1024, ContextLength: 4096, RMSEps: 1e-5, Tied: tied, Rope: rope}
}

// Names lists the models in table order.
func Names() []string {
	names := make([]string, len(shapes))
	for i, s := range shapes {
		names[i] = s.name
	}
	return names
}

// Describe is the line about a model for people, "Llama 3.2 1B"; "" for an
// unknown name.
func Describe(name string) string {
	for _, s := range shapes {
		if s.name == name {
			return s.about
		}
	}
	return ""
}

// Find returns the config of a model of the table.
func Find(name string) (*model.Config, error) {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown model %q, want one of %s", name, strings.Join(Names(), ", "))
	}
	c := shapes[i].c
	c.Act = "silu"
	c.AttnScale = 1 / math.Sqrt(float64(c.HeadDim))
	c.Rope.Dim = c.HeadDim
	c.QKVBias = c.Arch == "qwen2"
	c.QKNorm = c.Arch == "qwen3"
	return &c, nil
}
