package backendtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// viewText is a layer whose v is the first channels of k, in one head for all
// queries, and a second one that reads its state. Apart, the same channels of k
// are appended once more, as v.
const viewText = `
graph view
input %0 q f32[S,288]
input %1 k f32[S,96]
input %2 v f32[S,64]
state $latent.0 heads=1 k=96 v=64 OF
%3 a f32[S,192] = attention(%0, %1, %2, $latent.0) {head_dim=96, heads=3, kv_heads=1, scale=0.1}
%4 b f32[S,192] = attention(%0, $latent.0) {head_dim=96, heads=3, kv_heads=1, scale=0.2, window=5}
output %3
output %4
`

// viewWindows are those that the state keeps; 0 is all.
var viewWindows = []int{0, 200}

// checkViews: a state whose v is part of k gives the numbers of one that is
// given the same channels of k as v, through windows, rewinds, forks, saves and
// company, and takes the room of k alone. What cannot be kept so is refused.
func checkViews(s *suite, i int) error {
	for wi, window := range viewWindows {
		for ci, c := range s.viewCodecs() {
			if !s.long && (wi+ci+i)%3 > 0 {
				continue
			}
			if err := s.views(i, window, codec.Pair{K: c, V: c}); err != nil {
				return fmt.Errorf("window %d, cache %s: %w", window, c, err)
			}
		}
	}
	return s.refusedViews(i)
}

// viewCodecs are the budget's that hold the rows.
func (s *suite) viewCodecs() []*codec.Codec {
	all := []*codec.Codec{plain.K}
	for _, name := range s.budget.Codecs {
		if p, err := codec.ParsePair(name); err == nil && p.K == p.V && p.Fits(96, 64, true) == nil && !slices.Contains(all, p.K) {
			all = append(all, p.K)
		}
	}
	return all
}

// viewRun is a compiled viewText.
type viewRun struct {
	tiny
	kv   codec.Pair
	q, k []float32
}

const viewRows = 620

func (s *suite) viewRun(i, window int, kv codec.Pair, apart bool) (*viewRun, error) {
	text := viewText
	if !apart {
		text = strings.NewReplacer("input %2 v f32[S,64]\n", "", "%1, %2, $", "%1, $", "OF", "of=k OF").Replace(text)
	}
	held, seen := "", ""
	if window > 0 {
		held, seen = fmt.Sprintf("window=%d", window), fmt.Sprintf(", window=%d", window)
	}
	text = strings.NewReplacer("OF", held, "scale=0.1", "scale=0.1"+seen).Replace(text)
	g, err := ir.Parse(text)
	if err != nil {
		return nil, err
	}
	r := &viewRun{tiny: tiny{d: s.devices[i], g: g}, kv: kv, q: random("view q", viewRows, 288, false), k: random("view k", viewRows, 96, false)}
	if r.exe, err = r.d.Compile("view", g, backend.Size{Tokens: viewRows, Rows: 1}); err != nil {
		return nil, err
	}
	if r.in, err = buffers(r.d, g, g.Inputs, viewRows); err == nil {
		r.out, err = buffers(r.d, g, g.Outputs, viewRows)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *viewRun) state() (backend.State, error) { return r.d.NewState(r.g.States, r.kv, viewRows) }

// append runs rows of each span's own positions and returns both outputs.
func (r *viewRun) append(spans ...backend.Span) ([]float32, error) {
	var q, k, v []float32
	for _, sp := range spans {
		for p := sp.State.Len(); p < sp.State.Len()+sp.Rows; p++ {
			q = append(q, r.q[p*288:(p+1)*288]...)
			k = append(k, r.k[p*96:(p+1)*96]...)
			v = append(v, r.k[p*96:p*96+64]...)
		}
	}
	for i, x := range [][]float32{q, k, v}[:len(r.in)] {
		if err := r.in[i].SetFloat32(x); err != nil {
			return nil, err
		}
	}
	ctx := context.Background()
	if err := r.exe.Run(ctx, spans, r.in, r.out); err != nil {
		return nil, err
	}
	var all []float32
	for _, b := range r.out {
		y, err := b.Float32(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, y...)
	}
	for _, sp := range spans {
		sp.State.Trim()
		if p, ok := sp.State.(interface{ Poison() }); ok {
			p.Poison()
		}
	}
	return all, nil
}

// life is what a state of r says on its way: calls of many lengths, a fork that
// goes back and on beside its parent, a load of what was saved, which is returned.
func (r *viewRun) life() (said []float32, saved []backend.StateData, m backend.Memory, err error) {
	st, err := r.state()
	if err != nil {
		return nil, nil, m, err
	}
	defer st.Close()
	say := func(spans ...backend.Span) error {
		y, err := r.append(spans...)
		said = append(said, y...)
		return err
	}
	for _, n := range []int{1, 255, 2, 1, 37, 240, 3} {
		if err := say(backend.Span{State: st, Rows: n}); err != nil {
			return nil, nil, m, err
		}
	}
	m = st.Memory()
	f, err := st.Fork()
	if err != nil {
		return nil, nil, m, err
	}
	defer f.Close()
	if err := f.Truncate(st.Len() - 40); err != nil {
		return nil, nil, m, err
	}
	for range 3 {
		if err := say(backend.Span{State: f, Rows: 1}, backend.Span{State: st, Rows: 5}); err != nil {
			return nil, nil, m, err
		}
	}
	if saved, err = f.Save(context.Background()); err != nil {
		return nil, nil, m, err
	}
	l, err := r.state()
	if err != nil {
		return nil, nil, m, err
	}
	defer l.Close()
	if err := l.Load(saved); err != nil {
		return nil, nil, m, err
	}
	return said, saved, m, say(backend.Span{State: st, Rows: 2}, backend.Span{State: l, Rows: 30})
}

func (s *suite) views(i, window int, kv codec.Pair) error {
	var said [2][]float32
	var data [2][]backend.StateData
	var took [2]backend.Memory
	for j, apart := range []bool{false, true} {
		r, err := s.viewRun(i, window, kv, apart)
		if err != nil {
			return err
		}
		said[j], data[j], took[j], err = r.life()
		r.close()
		if err != nil {
			return err
		}
	}
	if len(said[0]) == 0 || !slices.Equal(said[0], said[1]) {
		return fmt.Errorf("v as the first channels of k: other results than with the same v apart")
	}
	// 96 channels of k in place of 160 of k and v.
	if a, b := len(data[0][0].Data), len(data[1][0].Data); a == 0 || a*160 != b*96 {
		return fmt.Errorf("it is saved in %d bytes, with v apart in %d, want 96 of 160", a, b)
	}
	if a, b := took[0].Own, took[1].Own; a <= 0 || 4*a >= 3*b {
		return fmt.Errorf("it takes %d bytes, with v apart %d", a, b)
	}
	return nil
}

// refusedViews: K and V in codecs of their own, and a v that ends inside of a
// block, are errors that name the state.
func (s *suite) refusedViews(i int) error {
	two := codec.Pair{K: codec.All()[0], V: codec.All()[1]}
	st, err := s.devices[i].NewState([]*ir.State{{Name: "latent.3", Heads: 1, KDim: 96, VDim: 64, VOfK: true}}, two, 8)
	if err == nil {
		st.Close()
	}
	if err := wantError("a v that is part of k in a codec of its own", err, "latent.3", two.String()); err != nil {
		return err
	}
	for _, c := range s.viewCodecs() {
		if c.Block == 1 {
			continue
		}
		spec := &ir.State{Name: "latent.4", Heads: 1, KDim: int64(3 * c.Block), VDim: int64(c.Block + c.Block/2), VOfK: true}
		st, err := s.devices[i].NewState([]*ir.State{spec}, codec.Pair{K: c, V: c}, 8)
		if err == nil {
			st.Close()
		}
		if err := wantError("a v that ends inside of a block", err, spec.Name, c.Name); err != nil {
			return err
		}
	}
	return nil
}
