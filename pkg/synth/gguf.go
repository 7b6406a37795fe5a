package synth

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/ir"
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
	kv, freqs, err := j.metadata()
	if err != nil {
		return nil, err
	}
	decl := gguf.Options{KV: kv}
	all, err := j.stored(func(s *model.Slot) *ir.Expr { return s.GGUF })
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		decl.Tensors = append(decl.Tensors, tensor.Info{Name: s.name, Type: s.t, Shape: s.shape})
	}
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
	err = j.writeGGUF(ctx, w, all, freqs)
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

func (j *job) writeGGUF(ctx context.Context, w ggufWriter, all []stored, freqs []byte) error {
	for _, s := range all {
		r, err := j.reader(ctx, s, s.t)
		if err != nil {
			return err
		}
		if err := w.Write(s.name, r); err != nil {
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
	f, err := disk.Beside(path, 0o666)
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

// littleEndian is the bytes of a f32 tensor; nil for none.
func littleEndian(x []float32) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// metadata is everything llama.cpp asks of a model file, and the content of
// rope_freqs.weight where there is one.
func (j *job) metadata() (kv []gguf.KV, freqs []byte, err error) {
	settings, divisors, err := model.Metadata(document(j.object))
	if err != nil {
		return nil, nil, err
	}
	kv = []gguf.KV{
		{Key: "general.architecture", Value: j.mix.Arch},
		{Key: "general.type", Value: "model"},
		{Key: "general.name", Value: "synthetic " + cmp.Or(j.Model, j.c.Arch)},
	}
	if n, ok := j.Type.FileType(); ok {
		kv = append(kv, gguf.KV{Key: "general.file_type", Value: n})
	}
	kv = append(append(kv, gguf.KV{Key: "general.quantization_version", Value: uint32(2)}), settings...)
	types := make([]int32, len(j.vocab.tokens))
	for i := range types {
		types[i] = 1 // normal
		if i >= j.vocab.id(0) {
			types[i] = 3 // control
		}
	}
	return append(kv,
		gguf.KV{Key: "tokenizer.ggml.model", Value: "gpt2"},
		gguf.KV{Key: "tokenizer.ggml.pre", Value: j.words.gguf},
		gguf.KV{Key: "tokenizer.ggml.tokens", Value: j.vocab.tokens},
		gguf.KV{Key: "tokenizer.ggml.token_type", Value: types},
		gguf.KV{Key: "tokenizer.ggml.merges", Value: j.vocab.merges},
		gguf.KV{Key: "tokenizer.ggml.bos_token_id", Value: uint32(j.vocab.id(0))},
		gguf.KV{Key: "tokenizer.ggml.eos_token_id", Value: uint32(j.vocab.id(1))},
		gguf.KV{Key: "tokenizer.ggml.padding_token_id", Value: uint32(j.vocab.id(2))},
		gguf.KV{Key: "tokenizer.ggml.add_bos_token", Value: j.words.bos},
	), littleEndian(divisors), nil
}
