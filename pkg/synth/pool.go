package synth

import (
	"fmt"
	"math"
	"sync"

	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// blockElems is the length of a block, a multiple of every block type.
const blockElems = 256

// poolSize is the number of blocks of a pool: enough that a matrix of the
// model does not look repetitive, few enough for tiny models to be quick.
func poolSize(c *model.Config) int {
	if c.Hidden <= 512 {
		return 512
	}
	return 8192
}

// split is the splitmix64 step: the n-th number of the stream of seed.
func split(seed, n uint64) uint64 {
	z := seed + (n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// seedOf is the seed of the named stream (FNV-1a of the name).
func seedOf(seed uint64, name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return split(seed, h)
}

// normal is nearly normal with variance one: the sum of four uniform numbers.
func normal(r uint64) float32 {
	const unit = 37837.227 // standard deviation of the sum, 2^16/√3
	sum := int32(r&0xffff) + int32(r>>16&0xffff) + int32(r>>32&0xffff) + int32(r>>48) - 2*0xffff
	return float32(sum) / unit
}

// toBF16 rounds to the numbers that bf16 holds.
func toBF16(x float32) float32 {
	u := math.Float32bits(x)
	return math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff)
}

// pools encodes and keeps the blocks that matrices are drawn from.
type pools struct {
	seed    uint64
	blocks  int
	workers int
	made    map[poolKey][]byte
}

type poolKey struct {
	std float32
	t   tensor.Type
}

// get returns p.blocks blocks of 256 values of type t, side by side.
func (p *pools) get(std float32, t tensor.Type) ([]byte, error) {
	key := poolKey{std, t}
	if b := p.made[key]; b != nil {
		return b, nil
	}
	size, err := t.RowBytes(blockElems)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, int64(p.blocks)*size)
	seed := seedOf(p.seed, "pool")
	errs := make([]error, p.workers)
	var wg sync.WaitGroup
	for w := range p.workers {
		wg.Go(func() {
			var x [blockElems]float32
			for b := w; b < p.blocks && errs[w] == nil; b += p.workers {
				for i := range x {
					x[i] = toBF16(normal(split(seed, uint64(b*blockElems+i))) * std)
				}
				errs[w] = quant.Encode(t, buf[int64(b)*size:][:size], x[:])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("pool of %s: %w", t, err)
		}
	}
	p.made[key] = buf
	return buf, nil
}
