package model_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// fake is a checkpoint that lists tensors and holds no bytes.
type fake []tensor.Info

func (f fake) Metadata() []tensor.KV  { return nil }
func (f fake) Tensors() []tensor.Info { return f }
func (f fake) Close() error           { return nil }
func (f fake) Tensor(name string) (tensor.Tensor, error) {
	return tensor.Tensor{}, fmt.Errorf("tensor %q: %w", name, tensor.ErrNotFound)
}

// tensorsOf lists what a checkpoint with this config.json holds, in type ty.
func tensorsOf(t testing.TB, config []byte, ty tensor.Type) fake {
	t.Helper()
	c, err := model.ParseConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	slots, err := model.Slots(c)
	if err != nil {
		t.Fatal(err)
	}
	var f fake
	for _, s := range slots {
		f = append(f, leaves(s.HF, ty, "model.safetensors")...)
	}
	return f
}

// leaves lists the tensors that a weight is made of.
func leaves(x *ir.Expr, ty tensor.Type, file string) (all []tensor.Info) {
	x.Walk(func(e *ir.Expr) {
		if e.Kind == ir.ExprTensor {
			all = append(all, tensor.Info{Name: e.Name, Type: ty, Shape: e.Shape, File: file})
		}
	})
	return all
}

// configs reads testdata/*.json by base name.
func configs(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no configs in testdata: %v", err)
	}
	all := map[string][]byte{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(p), ".json")] = data
	}
	return all
}

// with returns config with some keys set; a nil value removes the key.
func with(t testing.TB, config []byte, set map[string]any) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(config, &m); err != nil {
		t.Fatal(err)
	}
	for k, v := range set {
		if v == remove {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// remove, as a value, takes a key away.
const remove = "\x00remove"
