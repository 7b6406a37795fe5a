package model

import (
	"strings"

	"github.com/tessera-llm/tessera/pkg/gguf"
)

// ggufName is the name of a key in a GGUF, below the prefix of the
// architecture.
type ggufName struct {
	key  string // in config.json
	gguf string
	kind gguf.ValueType
}

// rotaryDim stands for the channels of a head that rotate, which config.json
// says as a fraction.
const rotaryDim = "rope.dimension_count"

// ggufNames gives the names that a GGUF has for keys of config.json, in the
// order in which they are written. The first row of a key is the one that is
// read; a further one repeats the value under another name. Names that only a
// GGUF has are used as they are.
var ggufNames = []ggufName{
	{"vocab_size", "vocab_size", gguf.U32},
	{"max_position_embeddings", "context_length", gguf.U32},
	{"hidden_size", "embedding_length", gguf.U32},
	{"num_hidden_layers", "block_count", gguf.U32},
	{"intermediate_size", "feed_forward_length", gguf.U32},
	{"num_attention_heads", "attention.head_count", gguf.U32},
	{"num_key_value_heads", "attention.head_count_kv", gguf.U32},
	{"head_dim", "attention.key_length", gguf.U32},
	{"head_dim", "attention.value_length", gguf.U32},
	{rotaryDim, "rope.dimension_count", gguf.U32},
	{"rms_norm_eps", "attention.layer_norm_rms_epsilon", gguf.F32},
	{"rope_theta", "rope.freq_base", gguf.F32},
	{"sliding_window", "attention.sliding_window", gguf.U32},
}

// ggufKeys are the settings of a GGUF.
func ggufKeys(in *input, f *family, err *error) *keys {
	pre := f.gguf + "."
	k := &keys{arch: f.name, gguf: true, values: map[string]value{}, taken: map[string]bool{}, tensors: in, err: err}
	k.name = func(key string) string {
		for _, n := range ggufNames {
			if n.key == key {
				return pre + n.gguf
			}
		}
		if strings.HasPrefix(key, "general.") {
			return key
		}
		return pre + key
	}
	if in.kv == nil {
		return k // still to be written
	}
	for _, name := range in.kv.Keys() {
		v, _ := in.kv.Value(name)
		k.values[name] = ggufValue{v, in.kv, name}
	}
	return k
}

// ggufValue is a setting of a GGUF.
type ggufValue struct {
	v    gguf.Value
	file *gguf.File
	key  string
}

func (g ggufValue) null() bool     { return false }
func (g ggufValue) String() string { return g.v.Text() }
func (g ggufValue) kind() string   { return g.v.Kind() }

// integer is a number, or one per layer when all are equal: no family has
// layers of different sizes.
func (g ggufValue) integer() (int64, bool) {
	if g.v.Type() != gguf.Array {
		return g.v.Int()
	}
	all, ok := g.file.Int64s(g.key)
	if !ok || len(all) == 0 {
		return 0, false
	}
	for _, n := range all {
		if n != all[0] {
			return 0, false
		}
	}
	return all[0], true
}

func (g ggufValue) number() (float64, bool) { return g.v.Float() }
func (g ggufValue) boolean() (bool, bool)   { return g.v.Bool() }
func (g ggufValue) text() (string, bool)    { return g.v.Str() }

func (g ggufValue) list() ([]string, bool) {
	if g.v.Type() != gguf.Array || g.v.Elem() != gguf.String {
		return nil, false
	}
	return g.file.Strings(g.key), true
}
