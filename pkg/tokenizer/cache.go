package tokenizer

import "encoding/binary"

// The word cache of one encoder: direct-mapped, a fixed number of entries of
// one cache line each. Words longer than 31 bytes or of more than 7 tokens are
// not kept.
const (
	cacheBits = 14
	cacheWord = 31
	cacheIDs  = 7
)

type cacheKey [4]uint64

type cacheEntry struct {
	key cacheKey
	n   int32 // tokens; 0 is empty
	ids [cacheIDs]int32
}

// keyOf packs a word of at most cacheWord bytes with its length.
func keyOf(w string) (k cacheKey, slot uint64) {
	n := len(w)
	if n <= 8 {
		k[0] = word8(w)
	} else {
		var b [32]byte
		copy(b[:], w)
		k[0] = binary.LittleEndian.Uint64(b[0:])
		k[1] = binary.LittleEndian.Uint64(b[8:])
		k[2] = binary.LittleEndian.Uint64(b[16:])
		k[3] = binary.LittleEndian.Uint64(b[24:])
	}
	k[3] |= uint64(n) << 56
	h := (k[0]^k[1]*0x9E3779B97F4A7C15)*0xBF58476D1CE4E5B9 ^ (k[2]^k[3]*0x94D049BB133111EB)*0x9E3779B97F4A7C15
	return k, h >> (64 - cacheBits)
}

// word8 reads up to 8 bytes, little-endian.
func word8(w string) uint64 {
	var x uint64
	switch n := len(w); {
	case n == 8:
		return le64(w)
	case n >= 4:
		return le32(w) | le32(w[n-4:])<<(8*(n-4))
	default:
		for i := n - 1; i >= 0; i-- {
			x = x<<8 | uint64(w[i])
		}
	}
	return x
}

func le32(w string) uint64 {
	_ = w[3]
	return uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24
}

func le64(w string) uint64 {
	_ = w[7]
	return le32(w) | uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
}
