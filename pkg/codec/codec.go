package codec

import (
	"fmt"
	"strings"
)

// Codec is one way to keep a row of K or V.
type Codec struct {
	// Name is what flags, manifests and state files say.
	Name string
	// Block is the number of channels that are encoded together, BlockBytes the
	// bytes of that. The channels of a row are a whole number of blocks, each encoded,
	// rotated and decoded from itself alone: the first blocks of a row are what they
	// are in a row that ends there, so that V can be the beginning of K.
	Block, BlockBytes int
	// Encode writes len(x) channels to dst, len(x)/Block·BlockBytes bytes.
	Encode func(dst []byte, x []float32)
	// Decode is what attention reads back: Bytes(len(dst)) bytes of src.
	Decode func(dst []float32, src []byte)
	// Query, where a codec of K keeps rotated rows, rotates the queries that meet
	// them, once, in f32, one head in place; Output, where a codec of V does, undoes
	// it in the normalised result, before any quantisation. Encode rotates, behind
	// rope and norms. Nil for the others.
	Query, Output func(x []float32)
	// Noise is the mean square error that encoding adds, relative to the mean
	// square of the rows: what verify allows for.
	Noise float64
}

// table holds one row per codec; it is the only list of codecs.
var table = []*Codec{F32, F16, Q8_0}

// Default is the codec of K and of V where neither model nor user says one.
var Default = F16

// All lists the codecs. The slice is shared: do not change it.
func All() []*Codec { return table }

// Names lists them as a sentence does: "f32, f16 or q8_0".
func Names() string {
	var b strings.Builder
	for i, c := range table {
		switch i {
		case 0:
		case len(table) - 1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(c.Name)
	}
	return b.String()
}

// lookup returns the codec called name, nil if there is none.
func lookup(name string) *Codec {
	for _, c := range table {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (c *Codec) String() string { return c.Name }

// Bytes is the size of a row of dim channels, which Fits has accepted.
func (c *Codec) Bytes(dim int) int { return dim / c.Block * c.BlockBytes }

// Fits says whether rows of dim channels can be encoded.
func (c *Codec) Fits(dim int) error {
	if dim <= 0 || dim%c.Block != 0 {
		return fmt.Errorf("cache type %s: %d channels are no multiple of %d", c.Name, dim, c.Block)
	}
	return nil
}

// Pair is the codecs of K and of V.
type Pair struct{ K, V *Codec }

// Both is the pair of c and c.
func Both(c *Codec) Pair { return Pair{c, c} }

// PairNames lists what ParsePair reads, as a sentence does.
func PairNames() string { return Names() + ", or K/V such as q8_0/f16" }

// Fits says whether heads of k channels of K and v of V can be kept. With ofK, V
// is the first channels of K and kept there, in the codec that K has.
func (p Pair) Fits(k, v int, ofK bool) error {
	if ofK && p.K != p.V {
		return fmt.Errorf("cache type %s: v is the first %d channels of k and kept in its codec, want %s for both", p, v, p.K)
	}
	if err := p.K.Fits(k); err != nil {
		return fmt.Errorf("k: %w", err)
	}
	if err := p.V.Fits(v); err != nil {
		return fmt.Errorf("v: %w", err)
	}
	return nil
}

// ParsePair reads "f16", both the same, or "K/V" such as "q8_0/f16".
func ParsePair(s string) (Pair, error) {
	k, v, apart := strings.Cut(s, "/")
	if !apart {
		v = k
	}
	p := Pair{lookup(k), lookup(v)}
	if p.K == nil || p.V == nil {
		return Pair{}, fmt.Errorf("cache type %.40q: want %s", s, PairNames())
	}
	return p, nil
}

// String is the shortest text that ParsePair reads.
func (p Pair) String() string {
	switch {
	case p.K == nil || p.V == nil:
		return ""
	case p.K == p.V:
		return p.K.Name
	}
	return p.K.Name + "/" + p.V.Name
}
