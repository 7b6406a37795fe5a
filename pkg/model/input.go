package model

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// input is a checkpoint as families see it.
type input struct {
	path   string
	infos  []tensor.Info
	byName map[string]int // into infos
	src    tensor.Source
	kv     *gguf.File // nil for Hugging Face checkpoints
}

func newInput(path string, src tensor.Source) *input {
	in := &input{path: path, infos: src.Tensors(), src: src}
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

// The readers below take metadata of the kind a key must have; a value of
// another kind is an error. They report false when the key is absent.

func (in *input) int(key string) (int64, bool, error) {
	v, ok := in.kv.Value(key)
	if !ok {
		return 0, false, nil
	}
	n, ok := v.Int()
	if !ok {
		return 0, false, fmt.Errorf("%s is a %s, want an integer", key, v.Kind())
	}
	return n, true, nil
}

func (in *input) float(key string) (float64, bool, error) {
	v, ok := in.kv.Value(key)
	if !ok {
		return 0, false, nil
	}
	x, ok := v.Float()
	if !ok {
		return 0, false, fmt.Errorf("%s is a %s, want a float", key, v.Kind())
	}
	return x, true, nil
}

func (in *input) str(key string) (string, bool, error) {
	v, ok := in.kv.Value(key)
	if !ok {
		return "", false, nil
	}
	s, ok := v.Str()
	if !ok {
		return "", false, fmt.Errorf("%s is a %s, want a string", key, v.Kind())
	}
	return s, true, nil
}

// uniform reads a key that may be one number or one per layer, all equal.
func (in *input) uniform(key string) (int64, bool, error) {
	v, ok := in.kv.Value(key)
	if !ok || v.Type() != gguf.Array {
		return in.int(key)
	}
	all, ok := in.kv.Int64s(key)
	if !ok || len(all) == 0 {
		return 0, false, fmt.Errorf("%s is %s, want an integer or a list of them", key, v.Text())
	}
	for i, n := range all {
		if n != all[0] {
			return 0, false, fmt.Errorf("%s[%d] is %d and [0] is %d: layers of different sizes are not supported", key, i, n, all[0])
		}
	}
	return all[0], true, nil
}
