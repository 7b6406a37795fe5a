package runtime

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/runtime/sampler"
)

// chooser picks the tokens of a generation.
type chooser struct {
	smp  *sampler.Sampler
	hook func(logits []float32) error // of GenerateOptions
	see  func(first int, logits []float32, vocab int) error
	full []float32 // what see copied: the logits of the whole vocabulary
	temp float32
}

func (m *Model) newChooser(o GenerateOptions) (*chooser, error) {
	smp, err := sampler.New(o.Sampler)
	if err != nil {
		return nil, err
	}
	if m.topK == 0 {
		return nil, errNoTopK
	}
	c := &chooser{smp: smp, hook: o.Logits, temp: o.Sampler.Temperature}
	if c.hook != nil || smp.NeedsRow(m.topK) {
		c.see = func(_ int, logits []float32, _ int) error { c.full = append(c.full[:0], logits...); return nil }
	}
	return c, nil
}

// append is an Append that gives choose what it needs behind row.
func (c *chooser) append(row Row) Append {
	return Append{Rows: []Row{row}, Logits: c.see, NoTop: c.hook != nil} // topk would see the row before the hook does
}

// choose picks the next token behind a row: from its top, where that decides, else from
// all logits.
func (c *chooser) choose(top Top, a Adjustments) (Token, error) {
	if c.hook == nil {
		if id, ok := c.smp.FromTop(top.IDs, top.Logits, top.LSETemp); ok {
			i := slices.Index(top.IDs, id)
			return Token{ID: id, LogProb: top.Logits[i] - top.LSE}, nil
		}
	}
	row := c.full[:len(c.full):len(c.full)]
	if c.hook != nil {
		if err := c.hook(row); err != nil {
			return Token{}, err
		}
	}
	a.apply(row)
	if c.hook != nil {
		if top.LSE = c.smp.LogSumExp(row, 1); top.LSE != top.LSE {
			return Token{}, fmt.Errorf("behind the Logits function: %w", ErrAdjusted)
		}
		if c.temp > 0 {
			if top.LSETemp = c.smp.LogSumExp(row, c.temp); top.LSETemp != top.LSETemp {
				return Token{}, overflows(slices.Max(row), c.temp)
			}
		}
	}
	id := c.smp.FromRow(row, top.LSETemp)
	return Token{ID: id, LogProb: row[id] - top.LSE}, nil
}

// apply changes logits as topk does.
func (a *Adjustments) apply(row []float32) {
	for i, id := range a.IDs {
		l := row[id]
		if l > 0 {
			l /= a.Scale[i]
		} else {
			l = float32(l * a.Scale[i])
		}
		row[id] = l + a.Bias[i]
	}
}
