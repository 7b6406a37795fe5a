package synth

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// WriteGGUF writes the checkpoint as path, which must end in .gguf and not
// exist, or as its shards prefix-00001-of-0000N.gguf when MaxShard is set. It
// returns the files. On an error nothing is left behind.
func WriteGGUF(ctx context.Context, path string, o Options) (files []string, err error) {
	j, err := newJob(o)
	if err != nil {
		return nil, err
	}
	prefix, ok := strings.CutSuffix(path, ".gguf")
	if !ok || filepath.Base(prefix) == "" {
		return nil, fmt.Errorf("%s: want a file name that ends in .gguf", path)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s: exists already", path)
	}
	decl := gguf.Options{KV: j.metadata()}
	for i, s := range j.slots {
		decl.Tensors = append(decl.Tensors, tensor.Info{Name: s.Name, Type: j.types[i], Shape: s.Shape})
	}
	freqs := j.divisors()
	if freqs != nil {
		decl.Tensors = append(decl.Tensors, tensor.Info{Name: "rope_freqs.weight", Type: tensor.F32, Shape: tensor.Shape{int64(len(freqs) / 4)}})
	}
	var w ggufWriter
	if o.MaxShard > 0 {
		split, serr := gguf.NewSplitWriter(prefix, gguf.SplitOptions{Options: decl, MaxBytes: o.MaxShard})
		if serr != nil {
			return nil, serr
		}
		w, files = split, split.Paths()
	} else if w, err = newSingle(path, decl); err != nil {
		return nil, err
	} else {
		files = []string{path}
	}
	err = j.writeGGUF(ctx, w, freqs)
	if err != nil {
		// Close reports what is missing; the first error says why.
		_ = w.Close()
	} else {
		err = w.Close()
	}
	if err != nil {
		for _, f := range files {
			err = errors.Join(err, remove(f))
		}
		return nil, err
	}
	return files, nil
}

// ggufWriter takes the tensors in declared order.
type ggufWriter interface {
	Write(name string, r io.Reader) error
	WriteBytes(name string, data []byte) error
	Close() error
}

func (j *job) writeGGUF(ctx context.Context, w ggufWriter, freqs []byte) error {
	for i, s := range j.slots {
		r, err := j.reader(ctx, i, j.types[i], true)
		if err != nil {
			return err
		}
		if err := w.Write(s.Name, r); err != nil {
			return err
		}
	}
	if freqs != nil {
		return w.WriteBytes("rope_freqs.weight", freqs)
	}
	return nil
}

// single writes one file beside its name and renames it when it is complete.
type single struct {
	*gguf.Writer
	file *os.File
	buf  *bufio.Writer
	path string
}

func newSingle(path string, decl gguf.Options) (*single, error) {
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	s := &single{file: f, buf: bufio.NewWriterSize(f, 1<<20), path: path}
	if s.Writer, err = gguf.NewWriter(s.buf, decl); err != nil {
		return nil, errors.Join(err, f.Close(), remove(f.Name()))
	}
	return s, nil
}

// Close completes the file, or removes it when tensors are missing.
func (s *single) Close() error {
	err := s.Writer.Close()
	if err == nil {
		err = s.buf.Flush()
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err = errors.Join(err, s.file.Close()); err == nil {
		err = os.Rename(s.file.Name(), s.path)
	}
	if err != nil {
		return errors.Join(err, remove(s.file.Name()))
	}
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// divisors is rope_freqs.weight of a llama3 rotation.
func (j *job) divisors() []byte {
	if j.c.Rope.Type != "llama3" {
		return nil
	}
	div := j.c.Rope.Llama3Divisors()
	b := make([]byte, 0, 4*len(div))
	for _, d := range div {
		u := math.Float32bits(d)
		b = append(b, byte(u), byte(u>>8), byte(u>>16), byte(u>>24))
	}
	return b
}

// metadata is everything llama.cpp asks of a model file.
func (j *job) metadata() []gguf.KV {
	c := j.c
	arch, _ := model.GGUFArch(c.Arch) // newJob has checked it
	kv := []gguf.KV{
		{Key: "general.architecture", Value: arch},
		{Key: "general.type", Value: "model"},
		{Key: "general.name", Value: "synthetic " + cmp.Or(j.Model, c.Arch)},
	}
	if n, ok := j.Type.FileType(); ok {
		kv = append(kv, gguf.KV{Key: "general.file_type", Value: n})
	}
	kv = append(kv, gguf.KV{Key: "general.quantization_version", Value: uint32(2)})
	for _, u := range []struct {
		key string
		v   int64
	}{
		{"vocab_size", c.Vocab}, {"context_length", c.ContextLength}, {"embedding_length", c.Hidden}, {"block_count", c.Layers},
		{"feed_forward_length", c.Intermediate}, {"attention.head_count", c.Heads}, {"attention.head_count_kv", c.KVHeads},
		{"attention.key_length", c.HeadDim}, {"attention.value_length", c.HeadDim}, {"rope.dimension_count", c.HeadDim},
	} {
		kv = append(kv, gguf.KV{Key: arch + "." + u.key, Value: uint32(u.v)})
	}
	kv = append(kv,
		gguf.KV{Key: arch + ".attention.layer_norm_rms_epsilon", Value: float32(c.RMSEps)},
		gguf.KV{Key: arch + ".rope.freq_base", Value: float32(c.Rope.Theta)})
	if c.Rope.Type == "linear" {
		kv = append(kv,
			gguf.KV{Key: arch + ".rope.scaling.type", Value: "linear"},
			gguf.KV{Key: arch + ".rope.scaling.factor", Value: float32(c.Rope.Factor)})
	}
	types := make([]int32, len(j.vocab.tokens))
	for i := range types {
		types[i] = 1 // normal
		if i >= j.vocab.id(0) {
			types[i] = 3 // control
		}
	}
	return append(kv,
		gguf.KV{Key: "tokenizer.ggml.model", Value: "gpt2"},
		gguf.KV{Key: "tokenizer.ggml.pre", Value: j.pretokenizer().gguf},
		gguf.KV{Key: "tokenizer.ggml.tokens", Value: j.vocab.tokens},
		gguf.KV{Key: "tokenizer.ggml.token_type", Value: types},
		gguf.KV{Key: "tokenizer.ggml.merges", Value: j.vocab.merges},
		gguf.KV{Key: "tokenizer.ggml.bos_token_id", Value: uint32(j.vocab.id(0))},
		gguf.KV{Key: "tokenizer.ggml.eos_token_id", Value: uint32(j.vocab.id(1))},
		gguf.KV{Key: "tokenizer.ggml.padding_token_id", Value: uint32(j.vocab.id(2))},
		gguf.KV{Key: "tokenizer.ggml.add_bos_token", Value: j.pretokenizer().bos},
	)
}
