package kernel

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Chunk is the number of cache positions that attention handles as one unit:
// chunks start at multiples of it, scores of a chunk share one maximum.
const Chunk = 256

// KVCache holds the keys and values of one attention layer in a cache type:
// f32, f16, or q8_0 (blocks of 32 along head_dim, as ggml quantises them).
//
// Memory is one block per chunk of 256 positions; in it, per kv head:
//
//	K   16 panels of 16 positions: f32 or f16 [D][16 positions];
//	    q8_0: d fp16 [D/32][16], then int8 [D][16]
//	V   row-major [256][D] f32 or f16; q8_0: int8 [256][D], then d fp16 [256][D/32]
//
// New blocks are zero, so the lanes of a panel beyond the last position are
// always readable.
type KVCache struct {
	Type    tensor.Type
	Heads   int // kv heads
	HeadDim int
	Max     int // positions

	chunks [][]byte
	len    int
	kBytes int // K of one head in one chunk
	vBytes int // V of one head in one chunk
}

// NewKVCache makes an empty cache for up to maxPos positions.
func NewKVCache(t tensor.Type, kvHeads, headDim, maxPos int) (*KVCache, error) {
	if kvHeads <= 0 || kvHeads > 1<<16 || headDim <= 0 || headDim > 1<<14 || maxPos < 0 || maxPos > 1<<30 {
		return nil, fmt.Errorf("kv cache of %d heads of %d channels, %d positions is out of range", kvHeads, headDim, maxPos)
	}
	c := &KVCache{Type: t, Heads: kvHeads, HeadDim: headDim, Max: maxPos}
	switch t {
	case tensor.F32:
		c.kBytes = Chunk * headDim * 4
	case tensor.F16:
		c.kBytes = Chunk * headDim * 2
	case tensor.Q8_0:
		if headDim%32 != 0 {
			return nil, fmt.Errorf("kv cache of type q8_0: head_dim %d is not a multiple of 32", headDim)
		}
		c.kBytes = Chunk * (headDim + headDim/16)
	default:
		return nil, fmt.Errorf("kv cache type %s: want f32, f16 or q8_0", t)
	}
	c.kBytes = roundUp(c.kBytes, 64)
	c.vBytes = c.kBytes
	return c, nil
}

// Grow makes room for positions below n. It is the only method that allocates.
func (c *KVCache) Grow(n int) error {
	if n < 0 || n > c.Max {
		return fmt.Errorf("kv cache: %d positions, at most %d fit", n, c.Max)
	}
	for len(c.chunks) < ceil(n, Chunk) {
		c.chunks = append(c.chunks, AlignedBytes(c.Heads*(c.kBytes+c.vBytes)))
	}
	return nil
}

// Len is the number of positions held; SetLen sets it. Positions beyond are
// never read into a result.
func (c *KVCache) Len() int { return c.len }

// SetLen sets the number of positions held.
func (c *KVCache) SetLen(n int) { c.len = n }

// Bytes is the memory of the cache.
func (c *KVCache) Bytes() int64 { return int64(len(c.chunks)) * int64(c.Heads*(c.kBytes+c.vBytes)) }

// Clone copies the first Len positions.
func (c *KVCache) Clone() *KVCache {
	f := *c
	f.chunks = nil
	for _, b := range c.chunks[:ceil(c.len, Chunk)] {
		n := AlignedBytes(len(b))
		copy(n, b)
		f.chunks = append(f.chunks, n)
	}
	return &f
}

// k and v are the memory of one head in one chunk.
func (c *KVCache) k(chunk, head int) []byte {
	off := head * (c.kBytes + c.vBytes)
	return c.chunks[chunk][off : off+c.kBytes]
}

func (c *KVCache) v(chunk, head int) []byte {
	off := head*(c.kBytes+c.vBytes) + c.kBytes
	return c.chunks[chunk][off : off+c.vBytes]
}

// rowBytes is the size of one saved head vector.
func (c *KVCache) rowBytes() int {
	switch c.Type {
	case tensor.F32:
		return 4 * c.HeadDim
	case tensor.F16:
		return 2 * c.HeadDim
	}
	return c.HeadDim / 32 * 34
}

// encode stores x as one row of the cache type: f32, f16, or q8_0 blocks of
// d fp16 and 32 int8. A block with Inf or NaN becomes NaN.
func (c *KVCache) encode(dst []byte, x []float32, vec Tier) {
	switch c.Type {
	case tensor.F32:
		copy(slice[float32](dst, 0, len(x)), x)
	case tensor.F16:
		h := slice[uint16](dst, 0, len(x))
		if vec != Generic && len(x)%16 == 0 && vecHalf(vec, h, x) {
			return
		}
		for i, v := range x {
			h[i] = f32.ToHalf(v)
		}
	default:
		for b := 0; b < len(x); b += 32 {
			encodeQ8(dst[b/32*34:][:34], x[b:b+32])
		}
	}
}

// encodeQ8 is ggml's: d = amax/127 rounded to fp16, q = x * (1/d) with the
// unrounded d, halves away from zero.
func encodeQ8(dst []byte, x []float32) {
	most := uint32(0)
	for _, v := range x {
		most = max(most, absBits(v))
	}
	d := math.Float32frombits(most) / 127
	h, inv := f32.ToHalf(d), float32(0)
	if most >= infBits {
		h = 0x7e00
	} else if h != 0 {
		inv = 1 / d
	}
	dst[0], dst[1] = byte(h), byte(h>>8)
	for i, v := range x {
		q := int32(0)
		if inv != 0 {
			q = int32(math.Round(float64(float32(v * inv))))
		}
		dst[2+i] = byte(int8(max(-127, min(127, q))))
	}
}

// store writes saved rows of one head at position pos.
func (c *KVCache) store(pos, head int, k, v []byte) {
	chunk, in := pos/Chunk, pos%Chunk
	d := c.HeadDim
	kb, vb := c.k(chunk, head), c.v(chunk, head)
	panel, lane := in/16, in%16
	switch c.Type {
	case tensor.F32:
		kp, src := slice[float32](kb, panel*d*64, d*16), slice[float32](k, 0, d)
		for i, x := range src {
			kp[16*i+lane] = x
		}
		copy(vb[in*d*4:], v)
	case tensor.F16:
		kp, src := slice[uint16](kb, panel*d*32, d*16), slice[uint16](k, 0, d)
		for i, x := range src {
			kp[16*i+lane] = x
		}
		copy(vb[in*d*2:], v)
	default:
		nb := d / 32
		kp := kb[panel*(nb*32+d*16):]
		for b := range nb {
			kp[b*32+2*lane], kp[b*32+2*lane+1] = k[34*b], k[34*b+1]
			for i := range 32 {
				kp[nb*32+(32*b+i)*16+lane] = k[34*b+2+i]
			}
			copy(vb[Chunk*d+(in*nb+b)*2:], v[34*b:34*b+2])
			copy(vb[in*d+32*b:], v[34*b+2:34*b+34])
		}
	}
}

// load is the inverse of store.
func (c *KVCache) load(pos, head int, k, v []byte) {
	chunk, in := pos/Chunk, pos%Chunk
	d := c.HeadDim
	kb, vb := c.k(chunk, head), c.v(chunk, head)
	panel, lane := in/16, in%16
	switch c.Type {
	case tensor.F32:
		for i := range d {
			copy(k[4*i:4*i+4], kb[panel*d*64+64*i+4*lane:])
		}
		copy(v, vb[in*d*4:][:d*4])
	case tensor.F16:
		for i := range d {
			copy(k[2*i:2*i+2], kb[panel*d*32+32*i+2*lane:])
		}
		copy(v, vb[in*d*2:][:d*2])
	default:
		nb := d / 32
		kp := kb[panel*(nb*32+d*16):]
		for b := range nb {
			copy(k[34*b:34*b+2], kp[b*32+2*lane:])
			for i := range 32 {
				k[34*b+2+i] = kp[nb*32+(32*b+i)*16+lane]
			}
			copy(v[34*b:34*b+2], vb[Chunk*d+(in*nb+b)*2:])
			copy(v[34*b+2:34*b+34], vb[in*d+32*b:])
		}
	}
}

// Save appends the first n positions to dst, exact: position by position, head
// by head, K then V, as rows of the cache type.
func (c *KVCache) Save(dst []byte, n int) []byte {
	rb := c.rowBytes()
	at := len(dst)
	dst = append(dst, make([]byte, n*c.Heads*2*rb)...)
	for pos := range n {
		for h := range c.Heads {
			c.load(pos, h, dst[at:at+rb], dst[at+rb:at+2*rb])
			at += 2 * rb
		}
	}
	return dst
}

// Load fills positions 0 to n-1 from what Save wrote and sets Len.
func (c *KVCache) Load(src []byte, n int) error {
	rb := c.rowBytes()
	if n < 0 || n > c.Max || len(src) != n*c.Heads*2*rb {
		return fmt.Errorf("kv cache %s of %d heads of %d: %d bytes for %d positions (at most %d), want %d bytes each",
			c.Type, c.Heads, c.HeadDim, len(src), n, c.Max, c.Heads*2*rb)
	}
	if err := c.Grow(n); err != nil {
		return err
	}
	row := AlignedBytes(2 * roundUp(rb, 64))
	k, v := row[:rb], row[roundUp(rb, 64):][:rb]
	for pos := range n {
		for h := range c.Heads {
			copy(k, src)
			copy(v, src[rb:])
			c.store(pos, h, k, v)
			src = src[2*rb:]
		}
	}
	c.len = n
	return nil
}

// Poison fills every allocated position from "from" on with NaN: a test hook.
func (c *KVCache) Poison(from int) {
	nan := make([]float32, c.HeadDim)
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	row := AlignedBytes(c.rowBytes())
	c.encode(row, nan, Generic)
	for pos := from; pos < len(c.chunks)*Chunk; pos++ {
		for h := range c.Heads {
			c.store(pos, h, row, row)
		}
	}
}

// KVAppend stores K and V, plain [S, kv heads * head_dim], at positions Start
// to Start+S-1. The cache must have been grown. One item per kv head and run of
// 16 positions.
type KVAppend struct {
	Tier  Tier
	Cache *KVCache
	K, V  Act
	Start int
}

// Prepare checks shapes and room.
func (a *KVAppend) Prepare() error {
	c := a.Cache
	if c == nil {
		return fmt.Errorf("kv append: no cache")
	}
	if err := wantPlain("kv append", "k", &a.K, a.K.S, c.Heads*c.HeadDim); err != nil {
		return err
	}
	if err := wantPlain("kv append", "v", &a.V, a.K.S, c.Heads*c.HeadDim); err != nil {
		return err
	}
	if a.Start < 0 || a.Start+a.K.S > len(c.chunks)*Chunk || a.Start+a.K.S > c.Max {
		return fmt.Errorf("kv append: positions %d to %d, the cache has room for %d", a.Start, a.Start+a.K.S-1, min(c.Max, len(c.chunks)*Chunk))
	}
	return nil
}

func (a *KVAppend) panels() int { return ceil(a.Start+a.K.S, 16) - a.Start/16 }

// Items is kv heads times panels touched.
func (a *KVAppend) Items() int {
	if a.K.S == 0 {
		return 0
	}
	return a.Cache.Heads * a.panels()
}

// Scratch is two encoded rows.
func (a *KVAppend) Scratch() int { return 2 * roundUp(4*a.Cache.HeadDim, 64) }

// Run stores items lo to hi-1.
func (a *KVAppend) Run(lo, hi int, scratch []byte) {
	c := a.Cache
	d, rb := c.HeadDim, c.rowBytes()
	k, v := scratch[:rb], scratch[roundUp(4*d, 64):][:rb]
	n := a.panels()
	vec := vectorTier(a.Tier)
	for i := lo; i < hi; i++ {
		h, first := i/n, (a.Start/16+i%n)*16
		for pos := max(first, a.Start); pos < min(first+16, a.Start+a.K.S); pos++ {
			off := (pos-a.Start)*a.K.C + h*d
			c.encode(k, a.K.F[off:off+d], vec)
			c.encode(v, a.V.F[off:off+d], vec)
			c.store(pos, h, k, v)
		}
	}
}
