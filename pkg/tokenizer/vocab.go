package tokenizer

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"strings"
)

// maxTokens bounds the ids of a vocabulary, maxPiece the bytes of a piece.
const (
	maxTokens = 1 << 24
	maxPiece  = 1 << 14
)

// vocab holds the pieces by id, and a hash table to find them by text. The
// text of all pieces is one string.
type vocab struct {
	blob  string
	ends  []uint32 // end of piece i in blob
	kinds []Kind   // with addedOnly

	seed  maphash.Seed
	table []uint32 // id+1 by hash, open addressing; 0 is empty
	mask  uint64
	long  int // bytes of the longest piece
}

// addedOnly marks the kind of a token that the model does not have: it comes
// from the added tokens alone.
const addedOnly Kind = 0x80

func (v *vocab) kind(id int32) Kind { return v.kinds[id] &^ addedOnly }

// size is the number of ids, assigned or not.
func (v *vocab) size() int { return len(v.ends) }

// piece returns the text of a token; id must be in range.
func (v *vocab) piece(id int32) string {
	start := uint32(0)
	if id > 0 {
		start = v.ends[id-1]
	}
	return v.blob[start:v.ends[id]]
}

// index builds the hash table. Unless last is set, two tokens with one text
// are an error; with it, the last one is found.
func (v *vocab) index(last bool) error {
	n := 0
	for _, k := range v.kinds {
		if k != Unassigned {
			n++
		}
	}
	size := 1 << bits.Len(uint(2*n))
	v.seed = maphash.MakeSeed()
	v.table = make([]uint32, size)
	v.mask = uint64(size - 1)
	for id := range v.ends {
		if v.kinds[id] == Unassigned {
			continue
		}
		s := v.piece(int32(id))
		if len(s) > maxPiece {
			return fmt.Errorf("token %d is %d bytes long, at most %d are allowed", id, len(s), maxPiece)
		}
		v.long = max(v.long, len(s))
		for i := maphash.String(v.seed, s) & v.mask; ; i = (i + 1) & v.mask {
			if v.table[i] == 0 {
				v.table[i] = uint32(id + 1)
				break
			}
			if other := int32(v.table[i] - 1); v.piece(other) == s {
				if !last {
					return fmt.Errorf("tokens %d and %d have the same text %q", other, id, s)
				}
				v.table[i] = uint32(id + 1)
				break
			}
		}
	}
	return nil
}

// lookup finds a piece by its text.
func (v *vocab) lookup(s string) (int32, bool) {
	for i := maphash.String(v.seed, s) & v.mask; v.table[i] != 0; i = (i + 1) & v.mask {
		if id := int32(v.table[i] - 1); v.piece(id) == s {
			return id, true
		}
	}
	return -1, false
}

// plain finds a piece that a model may make from text: one of the model's own
// tokens, and none that steers it or stands for something else than its text.
func (v *vocab) plain(s string) (int32, bool) {
	id, ok := v.lookup(s)
	if ok && !v.isPlain(id) {
		return -1, false
	}
	return id, ok
}

func (v *vocab) isPlain(id int32) bool {
	k := v.kinds[id]
	return k == Normal || k == UserDefined || k == Unused
}

// lookupBytes is lookup for a scratch buffer.
func (v *vocab) lookupBytes(s []byte) (int32, bool) {
	for i := maphash.Bytes(v.seed, s) & v.mask; v.table[i] != 0; i = (i + 1) & v.mask {
		if id := int32(v.table[i] - 1); v.piece(id) == string(s) {
			return id, true
		}
	}
	return -1, false
}

// byteTokens finds <0x00> to <0xFF>; -1 where there is none.
func (v *vocab) byteTokens() (ids [256]int32, all bool) {
	all = true
	for b := range ids {
		id, ok := v.lookup(byteName(byte(b)))
		if !ok {
			id, all = -1, false
		}
		ids[b] = id
	}
	return ids, all
}

const hexDigits = "0123456789ABCDEF"

func byteName(b byte) string {
	return string([]byte{'<', '0', 'x', hexDigits[b>>4], hexDigits[b&15], '>'})
}

// byteOf reads a piece of the form <0xXX>, in either case of the digits.
func byteOf(piece string) (byte, bool) {
	if len(piece) != 6 || !strings.HasPrefix(piece, "<0x") || piece[5] != '>' {
		return 0, false
	}
	var n byte
	for _, c := range []byte(piece[3:5]) {
		d := strings.IndexByte(hexDigits, c&^0x20)
		if c <= '9' {
			d = strings.IndexByte(hexDigits[:10], c)
		}
		if d < 0 {
			return 0, false
		}
		n = n<<4 | byte(d)
	}
	return n, true
}

// pieces collects tokens in any order of ids and makes a vocab of them.
type pieces struct {
	text []string
	kind []Kind
}

// set adds a token. The ids may have gaps, but not so wide that memory would
// not be in proportion to the file: they must be below limit.
func (p *pieces) set(id int64, text string, kind Kind, limit int) error {
	if id < 0 || id >= maxTokens || id >= int64(limit) {
		return fmt.Errorf("token %q: id %d, want 0 to %d", text, id, min(limit, maxTokens)-1)
	}
	for int64(len(p.text)) <= id {
		p.text = append(p.text, "")
		p.kind = append(p.kind, Unassigned)
	}
	if p.kind[id] != Unassigned {
		return fmt.Errorf("tokens %q and %q have the same id %d", p.text[id], text, id)
	}
	p.text[id], p.kind[id] = text, kind
	return nil
}

func (p *pieces) vocab() (*vocab, error) {
	total := 0
	for _, s := range p.text {
		total += len(s)
	}
	if total > 1<<31-1 {
		return nil, fmt.Errorf("vocabulary of %d bytes of text", total)
	}
	var blob strings.Builder
	blob.Grow(total)
	v := &vocab{ends: make([]uint32, len(p.text)), kinds: p.kind}
	for i, s := range p.text {
		blob.WriteString(s)
		v.ends[i] = uint32(blob.Len())
	}
	v.blob = blob.String()
	return v, nil
}
