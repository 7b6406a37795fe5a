package kernel

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// Chunk is the number of cache positions that attention handles as one unit:
// chunks start at multiples of it, scores of a chunk share one maximum.
const Chunk = 256

// leastRoom is the room of the smallest chunk: the last one of a cache grows by
// doubling from there to Chunk.
const leastRoom = 32

// KVShape is what a KV state of a graph says.
type KVShape struct {
	Heads      int // kv heads
	KDim, VDim int // channels of a head
	Window     int // positions that stay visible; 0: all
	// VOfK says that V is the first VDim channels of K: it is not kept.
	VOfK bool
}

// KVCache holds the keys and values that one attention layer appends, and it or
// several read, K and V in a codec each. Memory is one block per chunk of 256 positions, per kv head K, then
// V, as kvForm describes; the last block may have room for fewer. Blocks are shared
// with forks until one writes.
type KVCache struct {
	KVShape
	Max int // positions

	list chunkList
	k, v kvSide
	len  int
	from int // positions before are not held
}

// kvSide is K or V of a cache.
type kvSide struct {
	kvPlace
	form *kvForm
	row  int // bytes of an encoded row; 0 for a V that is part of K
	d    int
}

// bytes is the memory of one head of a chunk.
func (s *kvSide) bytes(room int) int { return roundUp(room*s.row, 64) }

// NewKVCache makes an empty cache for up to maxPos positions in chunks of p.
func NewKVCache(p *Pool, kv codec.Pair, s KVShape, maxPos int) (*KVCache, error) {
	if s.Heads <= 0 || s.Heads > 1<<16 || min(s.KDim, s.VDim) <= 0 || max(s.KDim, s.VDim) > 1<<14 || s.Window < 0 || maxPos < 0 || maxPos > 1<<30 {
		return nil, fmt.Errorf("kv cache of %d heads of %d and %d channels, window %d, %d positions is out of range", s.Heads, s.KDim, s.VDim, s.Window, maxPos)
	}
	if kv.K == nil || kv.V == nil {
		return nil, fmt.Errorf("kv cache without a codec: want %s", codec.Names())
	}
	if err := kv.Fits(s.KDim, s.VDim, s.VOfK); err != nil {
		return nil, err
	}
	c := &KVCache{KVShape: s, Max: maxPos}
	k, v := formOf(kv.K), formOf(kv.V)
	c.k = kvSide{k.k, k, kv.K.Bytes(s.KDim), s.KDim}
	c.v = kvSide{v.v, v, kv.V.Bytes(s.VDim), s.VDim}
	if s.VOfK {
		c.v.kvPlace, c.v.row = noPlace, 0
	}
	// Kernels read keys in groups of four panels, so there is something to read
	// behind a last chunk with room for less.
	size := func(room int) int {
		return c.Heads*(c.k.bytes(room)+c.v.bytes(room)) + max(0, 64-room)*c.k.row
	}
	c.list = chunkList{pool: p, span: Chunk, least: leastRoom, size: size, copy: c.copyRows}
	return c, nil
}

// Codecs are those of K and V.
func (c *KVCache) Codecs() codec.Pair { return codec.Pair{K: c.k.form.Codec, V: c.v.form.Codec} }

// Len is the number of positions of the sequence, those that are not held any
// more included; positions beyond are never read into a result.
func (c *KVCache) Len() int { return c.len }

// SetLen sets the number of positions.
func (c *KVCache) SetLen(n int) { c.len = n }

// Reserve makes room for positions [start, end), which will be written, and
// keeps those before start: chunks that are shared are copied. It is the only
// method of a running cache that may allocate.
func (c *KVCache) Reserve(start, end int) error {
	if start < 0 || start > c.len || end < start || end > c.Max {
		return fmt.Errorf("kv cache: positions %d to %d behind %d, at most %d fit", start, end-1, c.len, c.Max)
	}
	if !c.CanReturn(start) {
		return fmt.Errorf("kv cache: position %d sees positions before %d, which are not held", start, c.from)
	}
	c.list.reserve(start, end)
	return nil
}

// firstVisible is the first position that position n sees.
func (c *KVCache) firstVisible(n int) int {
	if c.Window <= 0 {
		return 0
	}
	return max(0, n-c.Window+1)
}

// CanReturn reports whether the cache holds what position n sees behind it.
func (c *KVCache) CanReturn(n int) bool {
	first := c.firstVisible(n)
	return n >= 0 && n <= c.len && (first >= c.from || first >= n)
}

// Nearest is the longest length of at most n to which CanReturn agrees.
func (c *KVCache) Nearest(n int) int {
	if n = min(n, c.len); c.CanReturn(n) {
		return n
	}
	return 0 // a shorter one sees what is further behind
}

// Truncate forgets the positions from n on, to which CanReturn must agree.
func (c *KVCache) Truncate(n int) {
	c.len, c.from = n, min(c.from, n)
	c.list.trim(0, n)
}

// Trim gives up chunks that no length sees which is at most "back" before the
// present one.
func (c *KVCache) Trim(back int) {
	c.list.trim(c.firstVisible(max(0, c.len-back)), c.len)
	if len(c.list.chunks) > 0 {
		c.from = max(c.from, c.list.first*Chunk)
	}
}

// Memory is what the chunks take.
func (c *KVCache) Memory() Memory { return c.list.memory() }

// Fork returns a cache with the same positions, which shares all chunks.
func (c *KVCache) Fork() *KVCache {
	f := *c
	f.list = c.list.fork()
	f.list.copy = f.copyRows
	return &f
}

// Release gives all chunks back; the cache is empty then.
func (c *KVCache) Release() {
	c.len, c.from = 0, 0
	c.list.trim(0, 0)
}

// kMem and vMem are the memory of one head in one chunk.
func (c *KVCache) kMem(ch *chunk, head int) []byte {
	n := c.k.bytes(ch.room)
	return ch.mem[head*(n+c.v.bytes(ch.room)):][:n]
}

func (c *KVCache) vMem(ch *chunk, head int) []byte {
	k, n := c.k.bytes(ch.room), c.v.bytes(ch.room)
	return ch.mem[head*(k+n)+k:][:n]
}

// copyRows copies the positions before "below" from chunk to chunk.
func (c *KVCache) copyRows(dst, src *chunk, below int) {
	for h := range c.Heads {
		c.k.copyRows(c.kMem(dst, h), c.kMem(src, h), dst.room, src.room, roundUp(below, 16))
		c.v.copyRows(c.vMem(dst, h), c.vMem(src, h), dst.room, src.room, below)
	}
}

func (s *kvSide) copyRows(dst, src []byte, roomD, roomS, n int) {
	first, second := s.planes(s.row, s.d)
	copy(dst[:n*first], src)
	copy(dst[roomD*first:][:n*second], src[roomS*first:])
}

// encode writes one row, if there are any.
func (s *kvSide) encode(dst []byte, x []float32, vec Tier) {
	if s.row == 0 {
		return
	}
	if f := s.form.encode; f == nil || !f(vec, dst, x) {
		s.form.Encode(dst, x)
	}
}

// store writes encoded rows of one head at position pos.
func (c *KVCache) store(pos, head int, k, v []byte) {
	ch := c.list.at(pos / Chunk)
	c.k.store(c.kMem(ch, head), k, pos%Chunk, ch.room, c.KDim)
	c.v.store(c.vMem(ch, head), v, pos%Chunk, ch.room, c.VDim)
}

// load is the inverse of store.
func (c *KVCache) load(pos, head int, k, v []byte) {
	ch := c.list.at(pos / Chunk)
	c.k.load(k, c.kMem(ch, head), pos%Chunk, ch.room, c.KDim)
	c.v.load(v, c.vMem(ch, head), pos%Chunk, ch.room, c.VDim)
}

// rows is memory for an encoded row of K and one of V.
func (c *KVCache) rows() (k, v []byte) {
	mem := AlignedBytes(roundUp(c.k.row, 64) + c.v.row)
	return mem[:c.k.row], mem[roundUp(c.k.row, 64):]
}

// Save appends to dst the positions that are visible from behind the last,
// exact: position by position, head by head, K then V, as encoded. It returns the
// first of them.
func (c *KVCache) Save(dst []byte) ([]byte, int) {
	from := c.firstVisible(c.len)
	dst = slices.Grow(dst, (c.len-from)*c.Heads*(c.k.row+c.v.row))
	k, v := c.rows()
	for pos := from; pos < c.len; pos++ {
		for h := range c.Heads {
			c.load(pos, h, k, v)
			dst = append(append(dst, k...), v...)
		}
	}
	return dst, from
}

// CanLoad says whether Load would take src as positions from to n-1.
func (c *KVCache) CanLoad(src []byte, from, n int) error {
	each := c.Heads * (c.k.row + c.v.row)
	if n < 0 || n > c.Max || from < 0 || from > n || len(src) != (n-from)*each {
		return fmt.Errorf("kv cache %s of %d heads of %d and %d: %d bytes for positions %d to %d (at most %d), want %d bytes each",
			c.Codecs(), c.Heads, c.KDim, c.VDim, len(src), from, n-1, c.Max, each)
	}
	if from > c.firstVisible(n) {
		return fmt.Errorf("kv cache: saved from position %d, position %d sees those from %d", from, n, c.firstVisible(n))
	}
	return nil
}

// Load makes the cache one of n positions, of which it holds those from "from"
// on, as Save wrote them. What CanLoad refuses changes nothing.
func (c *KVCache) Load(src []byte, from, n int) error {
	if err := c.CanLoad(src, from, n); err != nil {
		return err
	}
	c.Release()
	c.len, c.from = n, from
	c.list.reserve(from, n)
	k, v := c.rows()
	for pos := from; pos < n; pos++ {
		for h := range c.Heads {
			copy(k, src)
			copy(v, src[len(k):])
			c.store(pos, h, k, v)
			src = src[len(k)+len(v):]
		}
	}
	return nil
}

// Poison fills every position from "from" on that there is room for, and those
// that are not held any more, with NaN: a test hook.
func (c *KVCache) Poison(from int) {
	k, v := c.rows()
	c.k.encode(k, nans(c.KDim), Generic)
	c.v.encode(v, nans(c.VDim), Generic)
	for i := range c.list.chunks {
		first := (c.list.first + i) * Chunk
		if last := first + c.list.chunks[i].room; last > from {
			c.list.reserve(max(first, from), last) // what others share is not touched
		}
		for pos := first; pos < first+c.list.chunks[i].room; pos++ {
			if pos < from && pos >= c.from || c.list.chunks[i].shared() {
				continue
			}
			for h := range c.Heads {
				c.store(pos, h, k, v)
			}
		}
	}
}

func nans(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}
