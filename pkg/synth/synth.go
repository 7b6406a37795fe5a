package synth

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Options of a synthetic checkpoint.
type Options struct {
	Model string // a row of the table, see Names
	// Config, when set, is the config.json that stands for the one Model names.
	Config []byte
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
	object object // the config.json
	c      *model.Config
	slots  []model.Slot
	types  []tensor.Type // of the slots
	mix    quant.Model
	words  pretokenizer
	pools  *pools
	vocab  *vocab
	done   int64
	total  int64
}

// newJob chooses shapes and types.
func newJob(o Options) (*job, error) {
	text, err := o.Config, error(nil)
	if text == nil {
		if text, err = Config(o.Model, nil); err != nil {
			return nil, err
		}
	}
	c, err := model.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if o.Type == quant.Keep {
		o.Type = quant.BF16
	}
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	j := &job{Options: o, c: c, words: wordsOf(o.Model), pools: &pools{seed: o.Seed, blocks: poolSize(c), workers: o.Workers, made: map[poolKey][]byte{}}}
	if j.object, err = parseObject(text); err != nil {
		return nil, err
	}
	if j.slots, err = model.Slots(c); err != nil {
		return nil, err
	}
	if j.vocab, err = newVocab(c.Vocab); err != nil {
		return nil, err
	}
	if j.mix, err = model.Mixture(c); err != nil {
		return nil, err
	}
	items := make([]quant.Item, len(j.slots))
	for i, s := range j.slots {
		items[i] = quant.Item{Name: s.Name, Shape: s.Shape, Type: tensor.BF16}
	}
	plan, err := quant.NewPlan(o.Type, j.mix, items)
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
