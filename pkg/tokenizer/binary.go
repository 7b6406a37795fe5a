package tokenizer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// The compiled form, all numbers little-endian:
//
//	magic "TSRATOK\x00", u32 version, u32 lengths of: spec, tokens, text, merges, scores
//	spec    JSON of the type spec
//	kinds   one byte per token
//	ends    u32 per token: end of its piece in text
//	text    the pieces
//	merges  three u32 each: left, right, result; by rank
//	scores  f64 per token, or none
//
// Equal tokenizers give equal bytes.
const (
	binaryMagic   = "TSRATOK\x00"
	binaryVersion = 1
	binaryHeader  = len(binaryMagic) + 6*4
	maxSpec       = 64 << 20
)

// MarshalBinary writes the compiled form, which Load reads.
func (t *Tokenizer) MarshalBinary() ([]byte, error) {
	sp, err := json.Marshal(&t.spec)
	if err != nil {
		return nil, err
	}
	n := t.v.size()
	size := binaryHeader + len(sp) + 5*n + len(t.v.blob) + 12*len(t.rules) + 8*len(t.scores)
	b := make([]byte, 0, size)
	b = append(b, binaryMagic...)
	for _, x := range []int{binaryVersion, len(sp), n, len(t.v.blob), len(t.rules), len(t.scores)} {
		if x > math.MaxUint32 {
			return nil, fmt.Errorf("tokenizer too large: %d", x)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	b = append(b, sp...)
	for _, k := range t.v.kinds {
		b = append(b, byte(k))
	}
	for _, e := range t.v.ends {
		b = binary.LittleEndian.AppendUint32(b, e)
	}
	b = append(b, t.v.blob...)
	for _, r := range t.rules {
		b = binary.LittleEndian.AppendUint32(b, uint32(r.a))
		b = binary.LittleEndian.AppendUint32(b, uint32(r.b))
		b = binary.LittleEndian.AppendUint32(b, uint32(r.id))
	}
	for _, x := range t.scores {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b, nil
}

// Load reads the compiled form. It copies what it needs: data may be unmapped
// afterwards. Damaged data is an error, never a panic.
func Load(data []byte) (*Tokenizer, error) {
	t, err := load(data)
	if err != nil {
		return nil, fmt.Errorf("compiled tokenizer: %w", err)
	}
	return t, nil
}

func load(data []byte) (*Tokenizer, error) {
	if len(data) < binaryHeader {
		return nil, fmt.Errorf("%d bytes, want at least %d", len(data), binaryHeader)
	}
	if string(data[:len(binaryMagic)]) != binaryMagic {
		return nil, fmt.Errorf("starts with %q, want %q", data[:len(binaryMagic)], binaryMagic)
	}
	var head [6]uint32
	for i := range head {
		head[i] = binary.LittleEndian.Uint32(data[len(binaryMagic)+4*i:])
	}
	if head[0] != binaryVersion {
		return nil, fmt.Errorf("version %d; this program reads version %d: convert the checkpoint again", head[0], binaryVersion)
	}
	nspec, n, ntext, nrules, nscores := uint64(head[1]), uint64(head[2]), uint64(head[3]), uint64(head[4]), uint64(head[5])
	if want := uint64(binaryHeader) + nspec + 5*n + ntext + 12*nrules + 8*nscores; want != uint64(len(data)) {
		return nil, fmt.Errorf("%d bytes, its header says %d", len(data), want)
	}
	if n == 0 || n > maxTokens || ntext > math.MaxInt32 || nspec > maxSpec {
		return nil, fmt.Errorf("%d tokens, %d bytes of text, %d of description", n, ntext, nspec)
	}
	rest := data[binaryHeader:]
	take := func(k uint64) []byte {
		b := rest[:k]
		rest = rest[k:]
		return b
	}
	var sp spec
	dec := json.NewDecoder(bytes.NewReader(take(nspec)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&sp); err != nil {
		return nil, fmt.Errorf("description: %w", err)
	}
	v := &vocab{kinds: make([]Kind, n), ends: make([]uint32, n)}
	for i, k := range take(n) {
		if v.kinds[i] = Kind(k); v.kind(int32(i)) >= numKinds {
			return nil, fmt.Errorf("token %d has kind %d", i, k)
		}
	}
	ends, last := take(4*n), uint32(0)
	for i := range v.ends {
		e := binary.LittleEndian.Uint32(ends[4*i:])
		if e < last || uint64(e) > ntext {
			return nil, fmt.Errorf("token %d ends at byte %d of %d, after %d", i, e, ntext, last)
		}
		v.ends[i], last = e, e
	}
	if uint64(last) != ntext {
		return nil, fmt.Errorf("tokens cover %d of %d bytes of text", last, ntext)
	}
	v.blob = string(take(ntext))
	merges := take(12 * nrules)
	rules := make([]mergeRule, nrules)
	for i := range rules {
		r := merges[12*i : 12*i+12]
		rules[i] = mergeRule{
			int32(binary.LittleEndian.Uint32(r)), int32(binary.LittleEndian.Uint32(r[4:])), int32(binary.LittleEndian.Uint32(r[8:])),
		}
	}
	var scores []float64
	if nscores > 0 {
		scores = make([]float64, nscores)
		for i := range scores {
			scores[i] = math.Float64frombits(binary.LittleEndian.Uint64(rest[8*i:]))
		}
	}
	if err := v.index(sp.Model.Kind == modelUnigram); err != nil {
		return nil, err
	}
	return build(v, rules, scores, sp)
}
