package digests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// row is what a digest belongs to.
type row struct {
	model  string // of testdata/models, or of synthetic
	typ    string // --type
	codec  string // --kv-type
	scheme string // how activations enter matmuls with quantised weights: s256e32, or f32 where they stay
}

func (r row) String() string { return strings.Join([]string{r.model, r.typ, r.codec, r.scheme}, " ") }

// float says that a type leaves no activation to quantise: its only scheme is f32.
var float = map[string]bool{"f32": true, "f16": true, "bf16": true}

// typeRow is a weight type or mixture of the table.
type typeRow struct {
	name string
	// codecs: rows for every codec, not for f16 alone. A codec meets weights
	// only through the numbers in q, k and v.
	codecs bool
	// decoded: rows with f32 activations, too, for a type whose plain form this
	// is; of the wide models the narrowest has them.
	decoded bool
	// slabs: rows only for models whose widths take blocks of 256. Elsewhere the
	// plan falls back to other types, as q4_k_m's rows show.
	slabs bool
}

var types = []typeRow{
	{name: "f32", codecs: true}, {name: "f16"}, {name: "bf16"},
	{name: "q8_0", codecs: true, decoded: true}, {name: "q4_0", decoded: true}, {name: "q4_1", decoded: true},
	{name: "q5_0", decoded: true}, {name: "q5_1", decoded: true}, {name: "iq4_nl", decoded: true}, {name: "q4_k_m", codecs: true}, {name: "q4_k_s", decoded: true, slabs: true},
	{name: "q5_k_s", decoded: true, slabs: true}, {name: "q5_k_m", slabs: true}, {name: "q6_k", decoded: true, slabs: true},
}

// toTheEnd are the types that wide models run token by token to the end.
var toTheEnd = []string{"q8_0", "q4_k_m"}

// rows lists what the table holds. Codec q8_0 has no rows where a head's dim is
// no multiple of its block of 32: such a state is refused.
func rows(t testing.TB) []row {
	t.Helper()
	var list []row
	folders, files := checkpoints(t)
	for _, name := range slices.Concat(folders, slices.Sorted(maps.Keys(synthetic))) {
		d := dimsOf(t, name)
		for _, typ := range types {
			if typ.slabs && d.hidden%256 != 0 && !wide(name) || strings.HasPrefix(name, "synth:head-") && !typ.codecs {
				continue
			}
			scheme := "s256e32"
			if float[typ.name] {
				scheme = "f32"
			}
			list = append(list, row{name, typ.name, "f16", scheme})
			if typ.decoded && (!wide(name) || name == "synth:qwen2-0.5b") {
				list = append(list, row{name, typ.name, "f16", "f32"})
			}
			if typ.codecs {
				list = append(list, row{name, typ.name, "f32", scheme})
				if d.head%32 == 0 {
					list = append(list, row{name, typ.name, "q8_0", scheme})
				}
			}
		}
	}
	// A GGUF holds the numbers of its folder: one row proves that it reads.
	for _, name := range files {
		list = append(list, row{name, "keep", "f16", "f32"})
	}
	return list
}

// way is one way to compute a row. All ways give the same digests.
type way struct {
	tier    string
	threads int
	calls   string // one: all tokens in one call; single: one token per call; mixed: calls of many lengths
	tokens  int
	plain   bool // no exact pass
}

func (w way) String() string {
	s := fmt.Sprintf("tier %s, %d threads, %d tokens, calls: %s", w.tier, w.threads, w.tokens, w.calls)
	if w.plain {
		s += ", no exact pass"
	}
	return s
}

const (
	few = 5   // tokens of the first digest of a row: a tile and one more
	all = 300 // of the second: more than a chunk of attention, no multiple of anything
)

// ways lists how a row is computed on a machine with the given tiers, the best
// one last. full is every tier, every number of threads and every cut. Without
// it each of them has its turn, but not with each of the others, and what is
// slow runs a few tokens: the generic tier on anything large, wide models token
// by token, and calls of one token by two threads, whose barriers cost more
// than their sums.
func ways(r row, tiers []string, full bool) []way {
	var list []way
	add := func(tier string, threads int, calls string, tokens int, plain bool) {
		if full {
			tokens = all
		}
		w := way{tier, threads, calls, tokens, plain}
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	decoded := r.scheme == "f32" && !float[r.typ]
	odd := strings.HasPrefix(r.model, "synth:head-") // no tier has vectors for the attention of such heads
	large := wide(r.model) || r.model == "war-and-peace" || odd
	limit := func(slow bool) int {
		if slow {
			return few
		}
		return all
	}
	for i, tier := range tiers {
		best, generic := i == len(tiers)-1, i == 0
		switch {
		case full:
			for threads := 1; threads <= 2; threads++ {
				for _, calls := range []string{"one", "single", "mixed"} {
					add(tier, threads, calls, all, false)
				}
			}
			add(tier, 2, "one", all, true)
		case wide(r.model) && generic:
			if r.codec == "f16" && !decoded {
				add(tier, 1, "one", few, false)
			}
		case wide(r.model):
			add(tier, 2, "one", all, false)
			add(tier, 1, "single", few, false)
			if best && r.codec == "f16" && slices.Contains(toTheEnd, r.typ) {
				add(tier, 1, "single", all, false)
			}
			if best {
				add(tier, 2, "one", few, true)
			}
		case generic:
			add(tier, 1, "one", limit(decoded || odd || large && float[r.typ]), false)
			add(tier, 2, "single", few, false)
		case decoded:
			add(tier, 1, "one", limit(!best), false)
			add(tier, 2, "single", few, false)
		default:
			add(tier, 1, "one", limit(large && !best), false)
			add(tier, 2, "one", limit(best), false)
			add(tier, 1, "single", limit(large || !best), false)
			add(tier, 2, "single", few, false)
			if best {
				add(tier, 1, "mixed", limit(odd), false)
				add(tier, 1, "one", limit(large), true)
			}
		}
	}
	return list
}

// cut lists the lengths of a way's calls.
func (w way) cut() []int {
	var list []int
	switch w.calls {
	case "one":
		return []int{w.tokens}
	case "single":
		for range w.tokens {
			list = append(list, 1)
		}
		return list
	}
	lengths := []int{1, 7, 2, 64, 3, 17, 4, 33, 5, 100, 6}
	for at, i := 0, 0; at < w.tokens; i++ {
		n := min(lengths[i%len(lengths)], w.tokens-at)
		list = append(list, n)
		at += n
	}
	return list
}
