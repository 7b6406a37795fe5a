package synth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// WriteHF writes the checkpoint as a Hugging Face folder; dir must not exist
// or be empty. Types are f32, f16 and bf16. It returns the files. On an error
// nothing is left behind.
func WriteHF(ctx context.Context, dir string, o Options) (files []string, err error) {
	j, err := newJob(o)
	if err != nil {
		return nil, err
	}
	base := j.Type.Base()
	if !base.Float() {
		return nil, fmt.Errorf("%s: Hugging Face checkpoints hold f32, f16 or bf16, not %s", dir, j.Type)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s: exists already and is not empty", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, f := range files {
				err = errors.Join(err, remove(f))
			}
			files = nil
		}
	}()
	for _, f := range []struct {
		name string
		text []byte
	}{{"config.json", j.configJSON()}, {"generation_config.json", j.generationJSON()},
		{"tokenizer.json", j.tokenizerJSON()}, {"tokenizer_config.json", j.tokenizerConfigJSON()}} {
		path := filepath.Join(dir, f.name)
		files = append(files, path)
		if err := os.WriteFile(path, f.text, 0o666); err != nil {
			return files, err
		}
	}
	decl := safetensors.ShardOptions{Options: safetensors.Options{Metadata: []tensor.KV{{Key: "format", Value: "pt"}}}, MaxBytes: o.MaxShard}
	all, err := j.stored(func(s *model.Slot) *ir.Expr { return s.HF })
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		decl.Tensors = append(decl.Tensors, tensor.Info{Name: s.name, Type: base, Shape: s.shape})
	}
	w, err := safetensors.NewShardWriter(dir, decl)
	if err != nil {
		return files, err
	}
	files = append(files, w.Paths()...)
	for _, s := range all {
		r, rerr := j.reader(ctx, s, base)
		if rerr == nil {
			rerr = w.Write(s.name, r)
		}
		if err = rerr; err != nil {
			break
		}
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	return files, err
}

// object is a JSON object in the order of its entries.
type object []entry

type entry struct {
	key   string
	value any
}

// index is the place of a key, -1 if it is not there.
func (o object) index(key string) int {
	return slices.IndexFunc(o, func(e entry) bool { return e.key == key })
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, e := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(marshal(e.key))
		b.WriteByte(':')
		b.Write(marshal(e.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshal is json.Marshal without the escapes for HTML; its values are ours
// and always valid.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// document is an indented JSON text.
func document(o object) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, marshal(o), "", "  "); err != nil {
		panic(err)
	}
	return append(b.Bytes(), '\n')
}

var dtypes = map[tensor.Type]string{tensor.F32: "float32", tensor.F16: "float16", tensor.BF16: "bfloat16"}

// configJSON is the config of the model with what the checkpoint adds to it.
func (j *job) configJSON() []byte {
	var o object
	for _, e := range j.object {
		if o = append(o, e); e.key == "tie_word_embeddings" {
			o = append(o, entry{"torch_dtype", dtypes[j.Type.Base()]}, entry{"bos_token_id", j.vocab.id(0)}, entry{"eos_token_id", j.vocab.id(1)})
		}
	}
	return document(o)
}

func (j *job) generationJSON() []byte {
	return document(object{{"bos_token_id", j.vocab.id(0)}, {"eos_token_id", j.vocab.id(1)}, {"do_sample", false}})
}
