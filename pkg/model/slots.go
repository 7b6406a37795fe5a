package model

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Slot is one tensor that a checkpoint with a given Config holds.
type Slot struct {
	Name  string // canonical, and the name in a GGUF
	HF    string // the name in a Hugging Face checkpoint
	Layer int64  // -1 outside of the layers
	Shape tensor.Shape
	// Interleaved is the number of heads whose rows a GGUF holds in the order
	// of the interleaved rotation; 0 where the rows are as in HF.
	Interleaved int64
}

// Slots lists the tensors of a checkpoint with config c: embedding, layers,
// output. It is the inverse of what Build checks.
func Slots(c *Config) ([]Slot, error) {
	f, err := familyByName(c.Arch)
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return f.slots(c), nil
}

// GGUFArch is the general.architecture of GGUF files of a family.
func GGUFArch(arch string) (string, error) {
	f, err := familyByName(arch)
	if err != nil {
		return "", err
	}
	return f.container().ggufArch, nil
}

func familyByName(name string) (*family, error) {
	for _, f := range families {
		if f.name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("unknown architecture %q", name)
}

// container is the family whose GGUF files hold checkpoints of f.
func (f *family) container() *family {
	if f.ggufArch == "" {
		return &llama
	}
	return f
}

func (f *family) slots(c *Config) []Slot {
	var before, after []Slot
	perLayer := make([][]Slot, c.Layers)
	for i := range f.rows {
		r := &f.rows[i]
		if r.when != nil && !r.when(c) {
			continue
		}
		s := Slot{Name: r.name, HF: r.hf, Layer: -1, Shape: r.shape(c)}
		if r.rot != nil && f.container().interleaved {
			s.Interleaved = r.rot(c)
		}
		switch {
		case r.perLayer():
			for n := range c.Layers {
				s.Name, s.HF, s.Layer = at(r.name, n), at(r.hf, n), n
				perLayer[n] = append(perLayer[n], s)
			}
		case r.name == tokenEmbd:
			before = append(before, s)
		default:
			after = append(after, s)
		}
	}
	for _, l := range perLayer {
		before = append(before, l...)
	}
	return append(before, after...)
}
