package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/internal/npy"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime"
)

const safetensorsExt = ".safetensors"

// readArrays reads "name=file.npy", "name=file.safetensors" (the tensor of
// that name) and "file.safetensors" (all of its tensors).
func readArrays(specs []string) (map[string]runtime.Array, error) {
	all := map[string]runtime.Array{}
	add := func(name string, a runtime.Array) error {
		if _, dup := all[name]; dup {
			return fmt.Errorf("input %q is given twice", name)
		}
		all[name] = a
		return nil
	}
	for _, spec := range specs {
		name, path, ok := strings.Cut(spec, "=")
		if !ok {
			path = spec
		}
		switch {
		case strings.HasSuffix(path, safetensorsExt):
			err := readSafetensors(path, name, !ok, add)
			if err != nil {
				return nil, err
			}
		case !ok || name == "":
			return nil, fmt.Errorf("input %q: want NAME=FILE.npy, NAME=FILE.safetensors or FILE.safetensors", spec)
		default:
			a, err := npy.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("input %s: %w", name, err)
			}
			if err := add(name, runtime.Array(*a)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// readSafetensors hands the named tensor, or all, to add.
func readSafetensors(path, name string, all bool, add func(string, runtime.Array) error) error {
	src, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	for _, t := range src.Tensors() {
		if !all && t.Name != name {
			continue
		}
		view, err := src.Tensor(t.Name)
		if err != nil {
			return err
		}
		var a runtime.Array
		err = mmap.Guard(func() (err error) { a, err = decodeArray(view); return err })
		if err != nil {
			return fmt.Errorf("%s: tensor %s: %w", path, t.Name, err)
		}
		if err := add(t.Name, a); err != nil {
			return err
		}
		name = ""
	}
	if !all && name != "" {
		return fmt.Errorf("%s holds no tensor %q", path, name)
	}
	return nil
}

// decodeArray makes float32 of floats and int32 of integers.
func decodeArray(t tensor.Tensor) (runtime.Array, error) {
	n, err := t.Shape.Elements()
	if err != nil {
		return runtime.Array{}, err
	}
	a := runtime.Array{Shape: []int{}}
	for _, d := range t.Shape {
		a.Shape = append(a.Shape, int(d))
	}
	switch t.Type {
	case tensor.F32, tensor.F16, tensor.BF16:
		a.F32 = make([]float32, n)
		return a, quant.Decode(t.Type, a.F32, t.Data)
	case tensor.I32, tensor.I64:
		a.I32 = make([]int32, n)
	default:
		return a, fmt.Errorf("type %s, want f32, f16, bf16, i32 or i64", t.Type)
	}
	width := t.Type.BlockBytes()
	for i := range a.I32 {
		v := int64(int32(binary.LittleEndian.Uint32(t.Data[i*width:])))
		if t.Type == tensor.I64 {
			v = int64(binary.LittleEndian.Uint64(t.Data[i*width:]))
		}
		if v != int64(int32(v)) {
			return a, fmt.Errorf("element %d is %d, outside the range of int32", i, v)
		}
		a.I32[i] = int32(v)
	}
	return a, nil
}

// written is an array that a command has put into a file.
type written struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
	File  string `json:"file"`
}

// writeArrays puts every array into out, a folder of .npy files or one
// .safetensors file, and those that named lists ("name=file") into files of
// their own.
func writeArrays(arrays map[string]runtime.Array, out string, named []string) ([]written, error) {
	var done []written
	for _, spec := range named {
		name, path, ok := strings.Cut(spec, "=")
		a, have := arrays[name]
		if !ok || path == "" || !have {
			return nil, fmt.Errorf("--out %q: want NAME=FILE with one of the outputs %s", spec, strings.Join(sortedNames(arrays), ", "))
		}
		w, err := writeArray(name, path, a)
		if err != nil {
			return nil, err
		}
		done = append(done, w)
	}
	switch {
	case out == "":
		return done, nil
	case strings.HasSuffix(out, safetensorsExt):
		more, err := writeSafetensors(out, arrays)
		return append(done, more...), err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	for _, name := range sortedNames(arrays) {
		if err := folder.CheckName(name); err != nil {
			return nil, err
		}
		w, err := writeArray(name, filepath.Join(out, name+".npy"), arrays[name])
		if err != nil {
			return nil, err
		}
		done = append(done, w)
	}
	return done, nil
}

func writeArray(name, path string, a runtime.Array) (written, error) {
	if strings.HasSuffix(path, safetensorsExt) {
		all, err := writeSafetensors(path, map[string]runtime.Array{name: a})
		if err != nil {
			return written{}, err
		}
		return all[0], nil
	}
	n := npy.Array(a)
	return written{name, typeOf(a).String(), a.Shape, path}, npy.WriteFile(path, &n)
}

func typeOf(a runtime.Array) tensor.Type {
	if a.I32 != nil {
		return tensor.I32
	}
	return tensor.F32
}

func sortedNames(arrays map[string]runtime.Array) []string {
	var names []string
	for n := range arrays {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// writeSafetensors writes all arrays as one file, by name.
func writeSafetensors(path string, arrays map[string]runtime.Array) (done []written, err error) {
	var o safetensors.Options
	for _, name := range sortedNames(arrays) {
		a := arrays[name]
		info := tensor.Info{Name: name, Type: typeOf(a)}
		for _, d := range a.Shape {
			info.Shape = append(info.Shape, int64(d))
		}
		o.Tensors = append(o.Tensors, info)
		done = append(done, written{name, info.Type.String(), a.Shape, path})
	}
	err = disk.Replace(path, 0o666, func(f *os.File) error {
		w, err := safetensors.NewWriter(f, o)
		if err != nil {
			return err
		}
		for _, info := range o.Tensors {
			a := arrays[info.Name]
			data, err := binary.Append(nil, binary.LittleEndian, a.F32)
			if a.I32 != nil {
				data, err = binary.Append(nil, binary.LittleEndian, a.I32)
			}
			if err != nil {
				return err
			}
			if err := w.WriteBytes(info.Name, data); err != nil {
				return err
			}
		}
		return w.Close()
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}
