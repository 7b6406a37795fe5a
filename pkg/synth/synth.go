package synth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Options of a synthetic checkpoint.
type Options struct {
	Model string // a row of the table, see Names
	// Config, when set, replaces the shape that Model names.
	Config *model.Config
	Type   quant.Recipe // Keep means bf16
	Seed   uint64
	// MaxShard bounds the tensor bytes of one file; 0 writes a single file.
	MaxShard int64
	Workers  int                     // less than 1 means one per CPU
	Progress func(done, total int64) // bytes of tensors
}

// job is a checkpoint about to be written.
type job struct {
	Options
	c     *model.Config
	slots []model.Slot
	types []tensor.Type
	pools *pools
	vocab *vocab
	done  int64
	total int64
}

// newJob chooses shapes and types.
func newJob(o Options) (*job, error) {
	c := o.Config
	if c == nil {
		var err error
		if c, err = Find(o.Model); err != nil {
			return nil, err
		}
	}
	if o.Type == quant.Keep {
		o.Type = quant.BF16
	}
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if !slices.Contains([]string{"default", "linear", "llama3"}, c.Rope.Type) {
		return nil, fmt.Errorf("rope type %q cannot be written", c.Rope.Type)
	}
	j := &job{Options: o, c: c, pools: &pools{seed: o.Seed, blocks: poolSize(c), workers: o.Workers, made: map[poolKey][]byte{}}}
	var err error
	if j.slots, err = model.Slots(c); err != nil {
		return nil, err
	}
	if j.vocab, err = newVocab(c.Vocab); err != nil {
		return nil, err
	}
	arch, err := model.GGUFArch(c.Arch)
	if err != nil {
		return nil, err
	}
	items := make([]quant.Item, len(j.slots))
	for i, s := range j.slots {
		items[i] = quant.Item{Name: s.Name, Shape: s.Shape, Type: tensor.BF16}
	}
	plan, err := quant.NewPlan(o.Type, quant.Model{Arch: arch, Layers: int(c.Layers), Heads: int(c.Heads), KVHeads: int(c.KVHeads)}, items)
	if err != nil {
		return nil, err
	}
	for i, ch := range plan.Choices {
		j.types = append(j.types, ch.To)
		n, err := tensor.Bytes(ch.To, j.slots[i].Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", j.slots[i].Name, err)
		}
		j.total += n
	}
	return j, nil
}

// reader gives the bytes of one tensor in type t; interleave as GGUF files
// store it.
func (j *job) reader(ctx context.Context, i int, t tensor.Type, interleave bool) (io.Reader, error) {
	s := &j.slots[i]
	if len(s.Shape) == 2 {
		m, err := newMatrix(j.pools, j.c, s, t, interleave)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", s.Name, err)
		}
		return &counter{ctx, j, m}, nil
	}
	x := vector(j.Seed, s)
	if interleave && s.Interleaved > 0 {
		x = interleaved(x, s.Interleaved)
	}
	b := make([]byte, len(x)*t.BlockBytes())
	if err := quant.Encode(t, b, x); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", s.Name, err)
	}
	return &counter{ctx, j, bytes.NewReader(b)}, nil
}

// interleaved reorders the elements of a bias as its rows are.
func interleaved(x []float32, heads int64) []float32 {
	y := make([]float32, len(x))
	hd := len(x) / int(heads)
	for i := range y {
		r := i % hd
		y[i] = x[i-r+r%2*(hd/2)+r/2]
	}
	return y
}

// counter reports progress and stops when the context is done.
type counter struct {
	ctx context.Context
	j   *job
	r   io.Reader
}

func (c *counter) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.j.done += int64(n)
	if c.j.Progress != nil && n > 0 {
		c.j.Progress(c.j.done, max(c.j.total, c.j.done))
	}
	return n, err
}
