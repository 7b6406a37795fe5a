package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Options say what the weights become.
type Options struct {
	// Type is the wanted weight type or mixture. The zero value keeps every
	// matrix in its type. Vectors are f32 in any case.
	Type quant.Recipe
	// Requantise allows Type to change one block type into another, which
	// loses more than the same change from a float type.
	Requantise bool
	// IgnoreKeys names settings of the checkpoint that the family does not
	// understand and that are to be taken as absent: "rope_scaling.attn_factor",
	// "llama.some.key".
	IgnoreKeys []string
}

// Model is a checkpoint understood.
type Model struct {
	Config   Config
	Graph    *ir.Graph  // plain, verified
	Weights  []Weight   // every weight, in the order of the graph
	Ignored  []Ignored  // tensors that are not used, in file order
	Warnings []string   // settings that were left out, for people
	Cache    codec.Pair // how sessions keep K and V unless they choose
}

// Weight lists one weight of the graph.
type Weight struct {
	Name    string   // canonical: "blk.3.attn_q.weight"
	Sources []string // tensors of the checkpoint it is made of
	Shape   tensor.Shape
	From    tensor.Type // in the checkpoint
	To      tensor.Type
	Reason  string // why To
}

// Ignored is a tensor of the checkpoint that no weight needs.
type Ignored struct {
	Name   string
	Reason string
}

// BuildHF builds the model of a Hugging Face checkpoint from its tensors and
// the bytes of its config.json; path names the checkpoint in errors.
func BuildHF(path string, src tensor.Source, config []byte, o Options) (*Model, error) {
	in := newInput(path, src)
	s, err := readHF(config, o.IgnoreKeys)
	if err != nil {
		return nil, fmt.Errorf("%s: config.json: %w", path, err)
	}
	return build(in, s, o)
}

// ParseConfig reads a config.json.
func ParseConfig(config []byte) (*Config, error) {
	s, err := readHF(config, nil)
	if err != nil {
		return nil, err
	}
	return s.c, nil
}

// settings is a configuration understood.
type settings struct {
	f        *family
	c        *Config
	warnings []string
}

func readHF(config []byte, ignore []string) (*settings, error) {
	k, f, err := hfKeys(config)
	if err != nil {
		return nil, err
	}
	s := &settings{f: f}
	s.c, s.warnings, err = f.read(k, ignore)
	return s, err
}

// hfKeys are the keys of a config.json and the family that reads them.
func hfKeys(config []byte) (*keys, *family, error) {
	all, err := parseConfig(config)
	if err != nil {
		return nil, nil, err
	}
	k := (&keys{err: new(error)}).of(all)
	modelType := k.strOr("model_type", "")
	class := k.strs("architectures")
	if *k.err != nil {
		return nil, nil, *k.err
	}
	if modelType == "" {
		if err := k.misspelt("model_type"); err != nil {
			return nil, nil, err
		}
	}
	f, err := lookup("model_type", modelType, byModelType)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range class {
		if !slices.Contains(f.architectures, name) {
			return nil, nil, fmt.Errorf("architectures has %.60q, want %s", name, strings.Join(f.architectures, " or "))
		}
	}
	k.arch = f.name
	return k, f, nil
}

// BuildGGUF builds the model of a GGUF.
func BuildGGUF(path string, file *gguf.File, o Options) (*Model, error) {
	in := newInput(path, file)
	in.kv = file
	s, err := readGGUF(in, o.IgnoreKeys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return build(in, s, o)
}

func readGGUF(in *input, ignore []string) (*settings, error) {
	const key = "general.architecture"
	v, ok := in.kv.Value(key)
	if !ok {
		return nil, fmt.Errorf("%s is missing", key)
	}
	arch, ok := v.Str()
	if !ok {
		return nil, fmt.Errorf("%s is a %s, want a string", key, v.Kind())
	}
	f, err := lookup(key, arch, byGGUF)
	if err != nil {
		return nil, err
	}
	s := &settings{f: f}
	s.c, s.warnings, err = f.read(ggufKeys(in, f, new(error)), ignore)
	return s, err
}

func build(in *input, s *settings, o Options) (*Model, error) {
	r := &resolver{in: in, f: s.f, c: s.c, used: make([]bool, len(in.infos))}
	if err := r.resolve(); err != nil {
		return nil, err
	}
	if err := r.retype(o); err != nil {
		return nil, err
	}
	g, err := graph(s.f, s.c, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.path, err)
	}
	return &Model{Config: *s.c, Graph: g, Weights: r.list, Ignored: r.ignored, Warnings: s.warnings, Cache: r.cache()}, nil
}
