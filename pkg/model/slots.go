package model

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Slot is one weight of a model and what it is made of in a checkpoint: the
// tensors are the leaves of the expressions.
type Slot struct {
	Name  string // canonical
	Layer int64  // -1 outside of the layers
	Shape tensor.Shape
	HF    *ir.Expr // over the tensors of a Hugging Face checkpoint
	GGUF  *ir.Expr // over those of a GGUF
}

// Slots lists the weights of a model with config c: embedding, layers, output.
// It is the inverse of what Build checks.
func Slots(c *Config) ([]Slot, error) {
	f, err := lookup("architecture", c.Arch, byName)
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	var before, after []Slot
	perLayer := make([][]Slot, len(c.Layers))
	for i := range f.tensors {
		r := &f.tensors[i]
		if !r.perLayer() {
			s, err := f.slot(c, r, &place{}, -1)
			if err != nil {
				return nil, err
			}
			if r.name == tokenEmbd {
				before = append(before, s...)
			} else {
				after = append(after, s...)
			}
			continue
		}
		for n := range c.Layers {
			s, err := f.slot(c, r, &place{n: int64(n), l: &c.Layers[n]}, int64(n))
			if err != nil {
				return nil, err
			}
			perLayer[n] = append(perLayer[n], s...)
		}
	}
	for _, l := range perLayer {
		before = append(before, l...)
	}
	return append(before, after...), nil
}

// slot is row r at one place, none when the row does not apply.
func (f *family) slot(c *Config, r *row, at *place, layer int64) ([]Slot, error) {
	if r.when != nil && !r.when(c, at.l) {
		return nil, nil
	}
	at.r = &resolver{f: f, c: c}
	s := Slot{Name: at.name(r.name), Layer: layer, Shape: r.shape(c, at.l)}
	var err error
	if s.HF, err = r.in(false).expr(at, s.Shape); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	if s.GGUF, err = r.in(true).expr(at, s.Shape); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return []Slot{s}, nil
}

// Mixture is what mixtures need to know of a model with config c.
func Mixture(c *Config) (quant.Model, error) {
	f, err := lookup("architecture", c.Arch, byName)
	if err != nil {
		return quant.Model{}, err
	}
	return mixtureModel(f, c), c.check()
}
