package sampler

import (
	"math"
	"math/bits"
	"slices"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// buckets is a row cut by logit, the highest in bucket 0: an id of a lower bucket comes
// before one of a higher in the order of topk. So a bucket says of a sum of weights in
// that order whether it ends within, and only that bucket is looked into.
type buckets struct {
	tier  kernel.Tier
	row   []float32
	scale scale
	top   float32 // the highest logit
	step  float32 // buckets per unit of logit

	of    []uint16               // the bucket of each id
	sums  [numBuckets]uint64     // weights of a bucket and those before it
	part  [4 * numBuckets]uint64 // weights of a bucket by id mod 4: successive ids wait for each other less
	clean []float32              // row without its NaN

	within int    // whose ids are in items; -1: none's
	items  []item // by rising id
	left   []item // of items, while a sum is followed into them
	l, e   [chunk]float32
}

const (
	numBuckets = 1 << 10
	chunk      = 1 << 11 // ids whose exponentials are computed at once

	// deepest is the distance at the temperature beyond which an id weighs less than 1.
	deepest = 25
)

type item struct {
	id     int32
	key    uint32
	weight uint64
}

// cut fills b with a row.
func (b *buckets) cut(tier kernel.Tier, row []float32, sc scale, top, lse float32) {
	b.tier, b.row, b.scale, b.top, b.within = tier, row, sc, top, -1
	// How wide buckets are changes no outcome, only how full they are. The mean weight lies
	// deep below the highest logit; hardly an id that weighs much lies much deeper.
	depth := float32(deepest)
	if lse == lse {
		depth = min(max(2.5*(f32.Log(float32(len(row)))-(lse-sc.m)), 0.01), deepest)
	} else {
		b.clean = append(b.clean[:0], row...)
		for i, l := range b.clean {
			if l != l {
				b.clean[i] = float32(math.Inf(-1)) // which weighs as much
			}
		}
		b.row, row = b.clean, b.clean
	}
	b.step = numBuckets * sc.inv / depth
	b.of = slices.Grow(b.of[:0], len(row))[:len(row)]
	clear(b.part[:])
	for at := 0; at < len(row); at += chunk {
		part := row[at:min(at+chunk, len(row))]
		b.add(b.of[at:at+len(part)], part)
	}
	sum := uint64(0)
	for i := range b.sums {
		sum += b.part[4*i] + b.part[4*i+1] + b.part[4*i+2] + b.part[4*i+3]
		b.sums[i] = sum
	}
}

// add counts a chunk of the row, whose first id is a multiple of 4, and writes down the
// buckets of its ids.
func (b *buckets) add(of []uint16, row []float32) {
	e := b.e[:len(row)]
	kernel.Exp(b.tier, e, row, b.scale.inv, b.scale.m)
	top, step := b.top, b.step
	e, of = e[:len(row)], of[:len(row)]
	for i, l := range row {
		n := bucketOf(l, top, step)
		of[i] = uint16(n)
		b.part[4*n+uint32(i&3)] += weigh(e[i])
	}
}

// bucketOf rises as l falls: a subtraction, a product and a conversion that keep the
// order. What is out of the integers becomes the lowest or the highest of them, by machine;
// the last bucket takes both. Without a branch: which side of the last bucket a logit lies
// on is hard to guess.
func bucketOf(l, top, step float32) uint32 {
	n := int32((top - l) * step)
	return uint32(n|(numBuckets-1-n)>>31) % numBuckets
}

// total is the weight of all ids.
func (b *buckets) total() uint64 { return b.sums[numBuckets-1] }

// before is the weight of the buckets before bucket n.
func (b *buckets) before(n int) uint64 {
	if n == 0 {
		return 0
	}
	return b.sums[n-1]
}

// open lists the ids of bucket n.
func (b *buckets) open(n int) []item {
	if b.within == n {
		return b.items
	}
	b.within, b.items = n, b.items[:0]
	for id, x := range b.of {
		if int(x) == n {
			b.items = append(b.items, item{id: int32(id), key: keyOf(b.row[id])})
		}
	}
	for rest := b.items; len(rest) > 0; {
		part := rest[:min(len(rest), chunk)]
		for i := range part {
			b.l[i] = b.row[part[i].id]
		}
		kernel.Exp(b.tier, b.e[:len(part)], b.l[:len(part)], b.scale.inv, b.scale.m)
		for i := range part {
			part[i].weight = weigh(b.e[i])
		}
		rest = rest[len(part):]
	}
	return b.items
}

// reach is the first id in order at which the sum of weights is at least want, and its
// bucket. want is at least 1 and at most the total.
func (b *buckets) reach(want uint64) (bucket int, at item) {
	n, _ := slices.BinarySearch(b.sums[:], want)
	return n, b.find(n, want-b.before(n), false)
}

// leading is the weight of the first n ids in order, of which there are more.
func (b *buckets) leading(n int) uint64 {
	var ids [numBuckets]int
	for _, x := range b.of {
		ids[x]++
	}
	in := 0
	for ; n > ids[in]; in++ {
		n -= ids[in]
	}
	return b.upto(in, b.find(in, uint64(n), true))
}

// upto is the weight of an id of bucket n and of all before it.
func (b *buckets) upto(n int, at item) uint64 {
	sum := b.before(n)
	for _, x := range b.open(n) {
		if x.key > at.key || x.key == at.key && x.id <= at.id {
			sum += x.weight
		}
	}
	return sum
}

// find is the id of bucket n at which, in order, the weights add up to want, or with count
// the ids. It cuts the ids that are left into 256 ranges of keys, until their logits
// are equal: four times at most.
func (b *buckets) find(n int, want uint64, count bool) item {
	b.left = append(b.left[:0], b.open(n)...)
	measure := func(x *item) uint64 {
		if count {
			return 1
		}
		return x.weight
	}
	for left := b.left; ; {
		lo, hi := left[0].key, left[0].key
		for i := range left {
			lo, hi = min(lo, left[i].key), max(hi, left[i].key)
		}
		if lo == hi { // and so are the weights
			each := measure(&left[0])
			return left[(want-1)/each]
		}
		shift := max(bits.Len32(hi-lo)-8, 0)
		var sums [256]uint64
		for i := range left {
			sums[(hi-left[i].key)>>shift] += measure(&left[i])
		}
		in := uint32(0)
		for ; want > sums[in]; in++ {
			want -= sums[in]
		}
		part := left[:0]
		for _, x := range left {
			if (hi-x.key)>>shift == in {
				part = append(part, x)
			}
		}
		left = part
	}
}

// near is the weight of the ids that min-p keeps.
func (b *buckets) near(p float32) uint64 {
	lowest := b.scale.nearest(p, keyOf(b.top))
	n := int(bucketOf(logitOf(lowest), b.top, b.step))
	sum := b.before(n)
	for _, x := range b.open(n) {
		if x.key >= lowest {
			sum += x.weight
		}
	}
	return sum
}
