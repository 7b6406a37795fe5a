package hostile

import (
	"maps"
	"math"
	"slices"
	"sort"
)

// row is one tensor of the sound GGUF: ne as stored.
type row struct {
	name string
	ne   []uint64
}

func baseRows() []row {
	b := "blk.0."
	return []row{
		{"token_embd.weight", []uint64{hidden, vocab}}, {b + "attn_norm.weight", []uint64{hidden}},
		{b + "attn_q.weight", []uint64{hidden, hidden}}, {b + "attn_k.weight", []uint64{hidden, kvDim}}, {b + "attn_v.weight", []uint64{hidden, kvDim}},
		{b + "attn_output.weight", []uint64{hidden, hidden}}, {b + "ffn_norm.weight", []uint64{hidden}},
		{b + "ffn_gate.weight", []uint64{hidden, feed}}, {b + "ffn_up.weight", []uint64{hidden, feed}}, {b + "ffn_down.weight", []uint64{feed, hidden}},
		{"output_norm.weight", []uint64{hidden}}, {"output.weight", []uint64{hidden, vocab}},
	}
}

// baseKeys are the metadata of the sound GGUF by key.
func baseKeys() map[string][]byte {
	m := map[string][]byte{"general.architecture": arch}
	for key, n := range map[string]uint32{"llama.block_count": 1, "llama.embedding_length": hidden, "llama.feed_forward_length": feed,
		"llama.attention.head_count": 2, "llama.attention.head_count_kv": 1, "llama.context_length": 128, "llama.vocab_size": vocab,
		"llama.rope.dimension_count": hidden / 2} {
		m[key] = kvU32(key, n)
	}
	m["llama.attention.layer_norm_rms_epsilon"] = kvF32("llama.attention.layer_norm_rms_epsilon", 1e-5)
	m["llama.rope.freq_base"] = kvF32("llama.rope.freq_base", 10000)
	return m
}

// blockBytes gives elements and bytes of a block by ggml type.
var blockBytes = map[uint32][2]int{tF32: {1, 4}, tI64: {1, 8}, tQ4_0: {32, 18}, tQ8_0: {32, 34}, tQ4_K: {256, 144}, tMXFP4: {32, 17}}

// baseGGUF is the sound GGUF after edits; matrices have type typ, zero data.
// Data of blk.0.attn_v.weight come last, so that a test can find them.
func baseGGUF(editKeys func(map[string][]byte), editRows func([]row) []row, typ uint32) []byte {
	keys, rows := baseKeys(), baseRows()
	if editKeys != nil {
		editKeys(keys)
	}
	if editRows != nil {
		rows = editRows(rows)
	}
	var kvs, infos [][]byte
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		kvs = append(kvs, keys[k])
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[j].name == lastRow && rows[i].name != lastRow })
	off := 0
	for _, r := range rows {
		t := uint32(tF32)
		if len(r.ne) > 1 {
			t = typ
		}
		n := blockBytes[t][1]
		for i, d := range r.ne {
			if i == 0 {
				d /= uint64(blockBytes[t][0])
			}
			n *= int(d)
		}
		infos = append(infos, info(r.name, t, uint64(off), r.ne...))
		off += (n + 31) / 32 * 32
	}
	return assemble(kvs, infos, 32, make([]byte, off))
}

const lastRow = "blk.0.attn_v.weight"

// ggufModelCases: metadata that contradict themselves or the tensors.
func ggufModelCases() []Case {
	c := func(name, want string, keys func(map[string][]byte), rows func([]row) []row, typ uint32) Case {
		return Case{Name: "gguf-model/" + name, Format: GGUF, Layer: Model, Want: want,
			Write: lazy("m.gguf", func() files { return files{"m.gguf": baseGGUF(keys, rows, typ)} })}
	}
	set := func(key, name, want string, entry []byte) Case {
		return c(key+"-"+name, want, func(m map[string][]byte) { m["llama."+key] = entry }, nil, tF32)
	}
	num := func(key, name, want string, n uint32) Case { return set(key, name, want, kvU32("llama."+key, n)) }
	float := func(key, name, want string, x float64) Case {
		return set(key, name, want, kvF32("llama."+key, float32(x)))
	}
	without := func(key string) Case {
		return c("without-"+key, key, func(m map[string][]byte) { delete(m, "llama."+key) }, nil, tF32)
	}
	drop := func(t string) Case {
		return c("tensor-missing-"+t, t, nil, func(rs []row) []row {
			var kept []row
			for _, r := range rs {
				if r.name != t {
					kept = append(kept, r)
				}
			}
			return kept
		}, tF32)
	}
	reshape := func(name, t string, ne ...uint64) Case {
		return c(name, t, nil, func(rs []row) []row {
			for i := range rs {
				if rs[i].name == t {
					rs[i].ne = ne
				}
			}
			return rs
		}, tF32)
	}
	return []Case{
		without("block_count"), without("embedding_length"), without("attention.head_count"), without("feed_forward_length"),
		num("block_count", "zero", "block_count", 0), num("block_count", "billion", "number of layers", 1000000000), num("block_count", "max", "number of layers", math.MaxUint32), num("block_count", "two", "blk.1.", 2),
		set("block_count", "string", "block_count", kvString("llama.block_count", "1")),
		set("block_count", "negative", "block_count", kv("llama.block_count", vI32, u32(math.MaxUint32))),
		set("block_count", "float", "block_count", kvF32("llama.block_count", 1)),
		num("embedding_length", "zero", "embedding_length", 0), num("embedding_length", "max", "hidden size", math.MaxUint32), num("embedding_length", "other", "256", 512),
		num("attention.head_count", "zero", "attention.head_count", 0), num("attention.head_count", "max", "heads", math.MaxUint32),
		num("attention.head_count_kv", "zero", "attention.head_count_kv", 0), num("attention.head_count_kv", "not-a-divisor", "number of KV heads", 3),
		set("attention.head_count_kv", "array-too-long", "attention.head_count_kv", kv("llama.attention.head_count_kv", vArray, u32(vU32), u64(2), u32(1), u32(2))),
		float("attention.layer_norm_rms_epsilon", "nan", "rms norm epsilon", math.NaN()), float("attention.layer_norm_rms_epsilon", "inf", "rms norm epsilon", math.Inf(1)),
		float("attention.layer_norm_rms_epsilon", "negative", "rms norm epsilon", -1),
		float("rope.freq_base", "nan", "rope theta", math.NaN()), float("rope.freq_base", "zero", "rope theta", 0), float("rope.freq_base", "inf", "rope theta", math.Inf(1)),
		num("rope.dimension_count", "too-large", "rope.dimension_count", 4096), num("rope.dimension_count", "odd", "rope.dimension_count", 3),
		set("rope.scaling.type", "unknown", "rope.scaling.type", kvString("llama.rope.scaling.type", "spiral")),
		c("unknown-architecture", "foo", func(m map[string][]byte) { m["general.architecture"] = kvString("general.architecture", "foo") }, nil, tF32),
		drop("blk.0.attn_q.weight"), drop("output_norm.weight"), drop("token_embd.weight"),
		c("tensor-extra", "blk.0.extra.weight", nil, func(rs []row) []row { return append(rs, row{"blk.0.extra.weight", []uint64{32}}) }, tF32),
		c("layer-extra", "blk.1.", nil, func(rs []row) []row { return append(rs, row{"blk.1.ffn_up.weight", []uint64{hidden, feed}}) }, tF32),
		reshape("shape-rows", "blk.0.attn_q.weight", hidden, hidden+32), reshape("shape-columns", "blk.0.attn_q.weight", hidden/2, hidden),
		reshape("shape-rank-1", "blk.0.attn_q.weight", hidden*hidden), reshape("shape-norm", "blk.0.attn_norm.weight", hidden+1),
		c("weights-are-integers", "i64", nil, nil, tI64),
	}
}
