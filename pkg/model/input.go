package model

import (
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// input is the tensors of a checkpoint.
type input struct {
	path   string
	infos  []tensor.Info
	byName map[string]int // into infos
	src    tensor.Source
	kv     *gguf.File        // nil for Hugging Face checkpoints
	taken  map[string]string // tensors that the config was made of, and why no weight is
}

func newInput(path string, src tensor.Source) *input {
	in := &input{path: path, infos: src.Tensors(), src: src, taken: map[string]string{}}
	in.byName = make(map[string]int, len(in.infos))
	for i, t := range in.infos {
		in.byName[t.Name] = i
	}
	return in
}

// has reports whether the checkpoint holds the named tensor.
func (in *input) has(name string) bool { _, ok := in.byName[name]; return ok }

// info is the listing of a tensor.
func (in *input) info(name string) (tensor.Info, bool) {
	i, ok := in.byName[name]
	if !ok {
		return tensor.Info{}, false
	}
	return in.infos[i], true
}

// take notes that a tensor was read by the config; why stands in the listing of
// tensors that are no weights.
func (in *input) take(name, why string) { in.taken[name] = why }

// floats reads a small tensor of floats.
func (in *input) floats(name string) ([]float32, error) {
	t, err := in.src.Tensor(name)
	if err != nil {
		return nil, err
	}
	all := make([]float32, len(t.Data)/t.Type.BlockBytes())
	return all, mmap.Guard(func() error { return quant.Decode(t.Type, all, t.Data) })
}
