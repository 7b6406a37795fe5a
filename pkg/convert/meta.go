package convert

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/runtime"
)

// describe collects what users of the model need to know beside its graphs.
func describe(c *checkpoint.Checkpoint, m *model.Model) (runtime.Meta, error) {
	meta := runtime.Meta{
		Name: strings.TrimSuffix(filepath.Base(filepath.Clean(c.Path())), ".gguf"), Arch: m.Config.Arch,
		Layers: len(m.Config.Layers), Hidden: int(m.Config.Hidden), Vocab: int(m.Config.Vocab),
		ContextLength: int(m.Config.ContextLength), KVType: m.Cache.String(), BOS: -1,
	}
	if c.Kind() == checkpoint.GGUF {
		return meta, describeGGUF(c, &meta)
	}
	return meta, describeHF(c, &meta)
}

// hfIDs is the part of config.json and generation_config.json that names
// token ids and sampling defaults.
type hfIDs struct {
	BOS               *json.RawMessage `json:"bos_token_id"`
	EOS               *json.RawMessage `json:"eos_token_id"`
	DoSample          bool             `json:"do_sample"`
	Temperature       float32          `json:"temperature"`
	TopK              int              `json:"top_k"`
	TopP              float32          `json:"top_p"`
	MinP              float32          `json:"min_p"`
	RepetitionPenalty float32          `json:"repetition_penalty"`
}

func describeHF(c *checkpoint.Checkpoint, meta *runtime.Meta) error {
	for _, f := range []struct {
		name string
		text []byte
	}{{"config.json", c.ConfigJSON()}, {"generation_config.json", c.GenerationConfig()}} {
		if f.text == nil {
			continue
		}
		var ids hfIDs
		if err := json.Unmarshal(f.text, &ids); err != nil {
			return fmt.Errorf("%s: %s: %w", c.Path(), f.name, err)
		}
		bos, err := idList(ids.BOS, meta.Vocab)
		if err != nil {
			return fmt.Errorf("%s: %s: bos_token_id: %w", c.Path(), f.name, err)
		}
		if len(bos) > 0 {
			meta.BOS = bos[0]
		}
		stop, err := idList(ids.EOS, meta.Vocab)
		if err != nil {
			return fmt.Errorf("%s: %s: eos_token_id: %w", c.Path(), f.name, err)
		}
		meta.Stop = union(meta.Stop, stop)
		if f.name == "generation_config.json" {
			meta.Sampling = runtime.Sampling{DoSample: ids.DoSample, Temperature: ids.Temperature, TopK: ids.TopK, TopP: ids.TopP, MinP: ids.MinP, RepetitionPenalty: ids.RepetitionPenalty}
		}
	}
	return nil
}

// idList reads an id, a list of ids or null. Ids outside the vocabulary are
// errors: nothing could ever produce them.
func idList(raw *json.RawMessage, vocab int) ([]int32, error) {
	if raw == nil || string(*raw) == "null" {
		return nil, nil
	}
	var list []int64
	var one int64
	if err := json.Unmarshal(*raw, &one); err == nil {
		list = []int64{one}
	} else if err := json.Unmarshal(*raw, &list); err != nil {
		return nil, fmt.Errorf("%.40s is neither an id nor a list of ids", *raw)
	}
	var ids []int32
	for _, id := range list {
		if id == -1 {
			continue // "none" in some configs
		}
		if id < 0 || id >= int64(vocab) {
			return nil, fmt.Errorf("id %d is outside the vocabulary of %d", id, vocab)
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

func union(a, b []int32) []int32 {
	for _, id := range b {
		if !slices.Contains(a, id) {
			a = append(a, id)
		}
	}
	return a
}

// ggufStops are the metadata keys that name ids which end generation.
var ggufStops = []string{"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}

func describeGGUF(c *checkpoint.Checkpoint, meta *runtime.Meta) error {
	if name, ok := c.GGUF().String("general.name"); ok && name != "" {
		meta.Name = name
	}
	id, err := ggufID(c, "tokenizer.ggml.bos_token_id", meta.Vocab)
	if err != nil {
		return err
	}
	meta.BOS = id
	for _, key := range ggufStops {
		id, err := ggufID(c, key, meta.Vocab)
		if err != nil {
			return err
		}
		if id >= 0 {
			meta.Stop = union(meta.Stop, []int32{id})
		}
	}
	return nil
}

// ggufID reads an id of the vocabulary; -1 where the key is absent or holds the
// "none" of llama.cpp, all bits set.
func ggufID(c *checkpoint.Checkpoint, key string, vocab int) (int32, error) {
	g := c.GGUF()
	if !g.Has(key) {
		return -1, nil
	}
	id, ok := g.Uint(key)
	switch {
	case !ok:
		if n, isInt := g.Int(key); isInt && n == -1 {
			return -1, nil
		}
		return 0, fmt.Errorf("%s: %s is a %s, want an id", c.Path(), key, g.Kind(key))
	case id == math.MaxUint32:
		return -1, nil
	case id >= uint64(vocab):
		return 0, fmt.Errorf("%s: %s is %d, outside the vocabulary of %d", c.Path(), key, id, vocab)
	}
	return int32(id), nil
}
