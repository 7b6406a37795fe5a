package main

import (
	"fmt"
	"os"

	"github.com/tessera-llm/tessera/pkg/gguf"
)

// shape is what bounds a model's speed.
type shape struct {
	bytes   float64 // what one generated token reads: the file without an embedding of its own
	layers  float64 // weights of all layers: a prompt token is multiplied with each
	float   bool    // weights are floats: bound by f32 FMA, not by int8 dot products
	queries float64 // layers × heads × head_dim: attention's width per token
	cached  float64 // numbers in the cache per position
}

// readShape reads the headers of a GGUF.
func readShape(path string) (*shape, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s := &shape{bytes: float64(st.Size())}
	var quantised, floats, embedding int64
	tied := true
	for _, t := range f.Tensors() {
		n, err := t.Shape.Elements()
		if err != nil {
			return nil, err
		}
		switch {
		case t.Name == "token_embd.weight":
			embedding = t.Bytes
			continue
		case t.Name == "output.weight":
			tied = false
			continue
		case len(t.Shape) != 2:
			continue
		}
		s.layers += float64(n)
		if t.Type.Float() {
			floats += n
		} else {
			quantised += n
		}
	}
	s.float = floats > quantised
	if !tied {
		s.bytes -= float64(embedding)
	}
	arch, _ := f.String("general.architecture")
	get := func(key string) float64 {
		n, _ := f.Uint(arch + "." + key)
		return float64(n)
	}
	heads := get("attention.head_count")
	dim := get("attention.key_length")
	if dim == 0 && heads > 0 {
		dim = get("embedding_length") / heads
	}
	kv := get("attention.head_count_kv")
	if kv == 0 {
		kv = heads
	}
	s.queries, s.cached = get("block_count")*heads*dim, 2*get("block_count")*kv*dim
	return s, nil
}

// kvBytes is the size of a number in the cache.
var kvBytes = map[string]float64{"f32": 4, "f16": 2, "bf16": 2, "q8_0": 34. / 32}

// bound is the highest speed in tokens per second that the limits leave to a
// test, 0 where it is not known, and what sets it.
//
// A prompt multiplies every token with all weights of the layers: at the
// dot-product peak, or at the FMA peak when the weights are floats. Behind a
// depth its attention, four operations per channel and visible position, comes
// on top at the FMA peak; without one it is left out, so that the figure is the
// plain share of the dot-product peak. A generated token reads the weights and
// the cache once.
func (s *shape) bound(t test, kv string, l limits) (float64, string) {
	if t.gen > 0 {
		bytes := s.bytes
		if t.depth > 0 {
			if kvBytes[kv] == 0 {
				return 0, ""
			}
			bytes += s.cached * kvBytes[kv] * (float64(t.depth) + float64(t.gen+1)/2)
		}
		if bytes == 0 || l.Read == 0 {
			return 0, ""
		}
		return l.Read * 1e9 / bytes, fmt.Sprintf("read %.1f GB/s", l.Read)
	}
	peak, what := l.Dot, fmt.Sprintf("int8 %.0f Gop/s", l.Dot)
	if s.float {
		peak, what = l.FMA, fmt.Sprintf("f32 %.0f Gop/s", l.FMA)
	}
	if peak == 0 || s.layers == 0 {
		return 0, ""
	}
	seconds := 2 * s.layers / peak / 1e9
	if t.depth > 0 {
		if l.FMA == 0 {
			return 0, ""
		}
		seconds += 4 * s.queries * (float64(t.depth) + float64(t.prompt+1)/2) / l.FMA / 1e9
		if !s.float {
			what += fmt.Sprintf(", f32 %.0f", l.FMA)
		}
	}
	return 1 / seconds, what
}
