package verify

import (
	"context"
	"slices"

	"github.com/tessera-llm/tessera/runtime"
)

// othersCall is the number of tokens that another sequence appends at most.
const othersCall = 5

// others are the sequences beside the one that is looked at.
type others struct {
	m     *runtime.Model
	ids   []int32
	list  []*runtime.Session
	calls int
}

func newOthers(m *runtime.Model, n int, ids []int32) (*others, error) {
	o := &others{m: m, ids: ids}
	for range n {
		s, err := m.NewSession()
		if err != nil {
			return nil, err
		}
		o.list = append(o.list, s)
	}
	return o, nil
}

// step makes a call of a and what the others append: some tokens of the same
// ids from another place on, different ones for each. a stands in another place of
// the batch every time. Behind some calls one of the others becomes a fork of another
// one, or starts again.
func (o *others) step(ctx context.Context, a runtime.Append) error {
	var batch []runtime.Append
	for i, s := range o.list {
		n := 1 + (o.calls+i)%othersCall
		if s.Len()+n > len(o.ids) {
			if err := s.Rewind(ctx, 0); err != nil {
				return err
			}
		}
		if n = min(n, len(o.ids)-s.Len()); n < 1 {
			continue
		}
		b := runtime.Append{Session: s}
		for at := range n {
			b.IDs = append(b.IDs, o.ids[(s.Len()+at+7*i+o.calls)%len(o.ids)])
		}
		batch = append(batch, b)
	}
	batch = slices.Insert(batch, o.calls%(len(batch)+1), a)
	out, err := o.m.Step(ctx, batch)
	if err != nil {
		return err
	}
	for i := range out {
		if out[i].Err != nil {
			return out[i].Err
		}
	}
	o.calls++
	return o.move(ctx)
}

func (o *others) move(ctx context.Context) error {
	n := len(o.list)
	if n < 2 || o.calls%3 != 0 {
		return nil
	}
	at, from := o.calls/3%n, (o.calls/3+1)%n
	f, err := o.list[from].Fork()
	if err != nil {
		return err
	}
	if err := o.list[at].Close(); err != nil {
		return err
	}
	o.list[at] = f
	return f.Rewind(ctx, f.Len()-f.Len()/3)
}
