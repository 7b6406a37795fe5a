package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// growing lets a state grow to n positions in runs of step and returns what its pool has
// at most between runs, within them and altogether, what is kept for later included.
func growing(p *Pool, n, step int, run func(from, to int) error, trim func()) (rest, peak, all int64, err error) {
	for at := 0; at < n; {
		to := min(n, at+step)
		if err := run(at, to); err != nil {
			return 0, 0, 0, err
		}
		peak = max(peak, p.Live())
		trim()
		rest, all = max(rest, p.Live()), max(all, p.Live()+p.Kept())
		at = to
	}
	return rest, peak, all, nil
}

// TestMostKV: what is foretold is what caches of every length, window, codec and step
// take, to the byte where steps are of one token, and never less.
func TestMostKV(t *testing.T) {
	const back = 64
	for _, kv := range []codec.Pair{{K: codec.F16, V: codec.F16}, {K: codec.F32, V: codec.Q8_0}} {
		for _, window := range []int{0, 1, 16, 200, 600} {
			for _, step := range []int{1, 7, 64, 300, 512} {
				for _, n := range []int{1, 31, 64, 255, 256, 257, 700, 1500} {
					name := fmt.Sprintf("%s, window %d, %d positions in runs of %d", kv, window, n, step)
					var p Pool
					c, err := NewKVCache(&p, kv, KVShape{Heads: 2, KDim: 64, VDim: 32, Window: window}, n)
					if err != nil {
						t.Fatal(err)
					}
					wantRest, wantPeak, err := c.Most(n, step, back)
					if err != nil {
						t.Fatal(err)
					}
					rest, peak, all, err := growing(&p, n, step, func(from, to int) error {
						if err := c.Reserve(from, to); err != nil {
							return err
						}
						c.SetLen(to)
						return nil
					}, func() { c.Trim(back) })
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					chunk := int64(c.list.size(Chunk))
					switch {
					case rest > wantRest || peak > wantPeak || step == 1 && (rest != wantRest || peak != wantPeak):
						t.Errorf("%s: %d bytes between runs, %d within, foretold %d and %d", name, rest, peak, wantRest, wantPeak)
					case wantRest > rest+chunk || wantPeak > peak+chunk:
						t.Errorf("%s: %d and %d bytes foretold, %d and %d taken: a chunk is %d", name, wantRest, wantPeak, rest, peak, chunk)
					case all > wantPeak+c.Left(n) || step == 1 && window == 0 && all != wantPeak+c.Left(n):
						t.Errorf("%s: %d bytes held and kept, foretold %d and %d", name, all, wantPeak, c.Left(n))
					}
				}
			}
		}
	}
}

// TestMostRecurrent is the same for recurrences; bases that are kept come and go, so
// that a step between two of them takes less than is foretold.
func TestMostRecurrent(t *testing.T) {
	const back = 64
	for _, shape := range [][2]int{{96, 32}, {1 << 17, 256}, {1 << 21, 16}} {
		for _, step := range []int{1, 7, 64, 300, 512} {
			for _, n := range []int{1, 63, 64, 65, 127, 700, 3000} {
				name := fmt.Sprintf("base %d, row %d, %d positions in runs of %d", shape[0], shape[1], n, step)
				var p Pool
				r, err := NewRecurrent(&p, shape[0], shape[1], n, back)
				if err != nil {
					t.Fatal(err)
				}
				wantRest, wantPeak := r.Most(n, step)
				rest, peak, all, err := growing(&p, n, step, func(from, to int) error {
					err := r.Reserve(from, to)
					r.SetLen(to)
					return err
				}, r.Trim)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if rest > wantRest || peak > wantPeak || all > wantPeak+r.Left() {
					t.Errorf("%s: %d bytes between runs, %d within, %d kept too, foretold %d, %d and %d", name, rest, peak, all, wantRest, wantPeak, r.Left())
				}
				if step == 1 && n > 127 && wantRest > rest {
					t.Errorf("%s: %d bytes between runs, foretold %d", name, rest, wantRest)
				}
			}
		}
	}
}

// TestMostOverflow: a size that cannot be counted is an error.
func TestMostOverflow(t *testing.T) {
	c, err := NewKVCache(&Pool{}, codec.Pair{K: codec.F32, V: codec.F32}, KVShape{Heads: 1 << 16, KDim: 1 << 14, VDim: 1 << 14}, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Most(1<<30, 512, 64); err == nil {
		t.Error("2^63 bytes and more were counted")
	}
	if n, _, err := c.Most(1<<20, 512, 64); err != nil || n != 4096*int64(c.list.size(Chunk)) {
		t.Errorf("%d bytes of a million positions, %v", n, err)
	}
}
