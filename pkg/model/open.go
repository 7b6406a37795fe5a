package model

import "github.com/tessera-llm/tessera/pkg/checkpoint"

// Build builds the model of an open checkpoint.
func Build(c *checkpoint.Checkpoint, o Options) (*Model, error) {
	if f := c.GGUF(); f != nil {
		return BuildGGUF(c.Path(), f, o)
	}
	m, err := BuildHF(c.Path(), c.Source(), c.ConfigJSON(), o)
	if err != nil {
		return nil, err
	}
	for _, t := range c.Ignored() {
		m.Ignored = append(m.Ignored, Ignored{t.Name, "not in the index of its shards"})
	}
	return m, nil
}
