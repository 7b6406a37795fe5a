package model

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/internal/mmap"
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
}

// Model is a checkpoint understood.
type Model struct {
	Config  Config
	Graph   *ir.Graph // plain, verified
	Weights []Weight  // every weight, in the order of the graph
	Ignored []Ignored // tensors that are not used, in file order
}

// Weight lists one weight of the graph.
type Weight struct {
	Name    string   // canonical: "blk.3.attn_q.weight"
	Sources []string // tensors of the checkpoint it is made of; none for rope.inv_freq
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
	c, f, err := readHF(config)
	if err != nil {
		return nil, fmt.Errorf("%s: config.json: %w", path, err)
	}
	return build(in, f, c, o)
}

// ParseConfig reads a config.json.
func ParseConfig(config []byte) (*Config, error) {
	c, _, err := readHF(config)
	return c, err
}

func readHF(config []byte) (*Config, *family, error) {
	h, err := parseHF(config)
	if err != nil {
		return nil, nil, err
	}
	f, err := familyByModelType(h.ModelType)
	if err != nil {
		return nil, nil, err
	}
	c, err := h.config(f)
	if err != nil {
		return nil, nil, err
	}
	return c, f, c.check()
}

// BuildGGUF builds the model of a GGUF.
func BuildGGUF(path string, file *gguf.File, o Options) (*Model, error) {
	in := newInput(path, file)
	in.kv = file
	c, f, err := readGGUF(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return build(in, f, c, o)
}

func readGGUF(in *input) (*Config, *family, error) {
	arch, ok, err := in.str("general.architecture")
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, fmt.Errorf("general.architecture is missing")
	}
	f, err := familyByGGUF(arch)
	if err != nil {
		return nil, nil, err
	}
	c, err := ggufConfig(in, f)
	if err != nil {
		return nil, nil, err
	}
	return c, f, c.check()
}

func build(in *input, f *family, c *Config, o Options) (*Model, error) {
	r := &resolver{in: in, f: f, c: c, used: make([]bool, len(in.infos))}
	if err := r.resolve(); err != nil {
		return nil, err
	}
	if err := r.retype(o); err != nil {
		return nil, err
	}
	g, err := graph(c, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.path, err)
	}
	return &Model{Config: *c, Graph: g, Weights: r.list, Ignored: r.ignored}, nil
}

// floats reads a small f32 tensor.
func (in *input) floats(name string) ([]float32, error) {
	t, err := in.src.Tensor(name)
	if err != nil {
		return nil, err
	}
	all := make([]float32, len(t.Data)/4)
	err = mmap.Guard(func() error {
		for i := range all {
			all[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		return nil
	})
	return all, err
}
