package kernel

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/f32"
)

const testBack = 64

func newRecurrent(t testing.TB, p *Pool, base, row int) *Recurrent {
	t.Helper()
	r, err := NewRecurrent(p, base, row, 1<<20, testBack)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// convolved is the definition: a chain of FMAs per channel, zeros before position 0.
func convolved(x, w []float32, c, taps int) []float32 {
	y := make([]float32, len(x))
	for i := range y {
		p, ch := i/c, i%c
		for j := range taps {
			v := float32(0)
			if q := p - taps + 1 + j; q >= 0 {
				v = x[q*c+ch]
			}
			y[i] = f32.FMA(v, w[j*c+ch], y[i])
		}
	}
	return y
}

// convolve appends rows [from, to) of x to r and returns theirs.
func convolve(t testing.TB, r *Recurrent, x, w []float32, c, taps, from, to int) []float32 {
	t.Helper()
	if err := r.Reserve(from, to); err != nil {
		t.Fatal(err)
	}
	o := &CausalConv{X: FromF32(x[from*c:to*c], to-from, c), Out: newAct(t, F32, Plain, to-from, c), Weight: w, K: taps,
		Spans: []RecurrentSpan{{State: r, Start: from, Rows: to - from}}}
	run(t, o)
	r.SetLen(to)
	return o.Out.F
}

// TestCausalConv: in calls of every size, trimmed or not, with poison behind the
// rows, the bits of the definition.
func TestCausalConv(t *testing.T) {
	// 2,300 positions have more chunks than bases that are kept.
	for _, s := range [][3]int{{3, 4, 2300}, {64, 2, 700}, {65, 3, 2300}, {130, 5, 700}, {5, 65, 2300}, {5, 130, 700}} {
		c, taps, n := s[0], s[1], s[2]
		g := rng(uint64(c))
		x, w := gauss(g, n*c), gauss(g, taps*c)
		w[0] = float32(math.Inf(1)) // zeros before position 0 take part
		want := convolved(x, w, c, taps)
		for _, call := range []int{1, 7, 63, 64, 65, 128, 513, 1500, 2300} {
			p := &Pool{}
			r := newRecurrent(t, p, (taps-1)*c, c)
			for at := 0; at < n; at += call {
				to := min(at+call, n)
				got := FromF32(convolve(t, r, x, w, c, taps, at, to), to-at, c)
				sameBits(t, "convolution", &got, new(FromF32(want[at*c:to*c], to-at, c)))
				if call%2 == 1 {
					r.Trim()
				}
				r.Poison(to)
			}
			r.Release()
			if p.Live() != 0 {
				t.Errorf("calls of %d leave %d bytes", call, p.Live())
			}
		}
	}
}

// TestCausalConvCompany: spans of several sequences in one task, among them two
// forks that go different ways.
func TestCausalConvCompany(t *testing.T) {
	const c, taps = 70, 4
	g := rng(5)
	w := gauss(g, taps*c)
	p := &Pool{}
	for _, n := range []int{1, 40, 60, 63, 64, 65, 100, 127, 128, 200} {
		a, b := gauss(g, (n+80)*c), gauss(g, (n+80)*c)
		copy(b, a[:n*c])
		parent := newRecurrent(t, p, (taps-1)*c, c)
		convolve(t, parent, a, w, c, taps, 0, n)
		parent.Trim()
		child, other := parent.Fork(), newRecurrent(t, p, (taps-1)*c, c)
		o := &CausalConv{Weight: w, K: taps}
		var x, want []float32
		for _, s := range []struct {
			r    *Recurrent
			x    []float32
			rows int
		}{{child, b, 3}, {other, a, 66}, {parent, a, []int{5, 80}[n%2]}} {
			at := s.r.Len()
			if err := s.r.Reserve(at, at+s.rows); err != nil {
				t.Fatal(err)
			}
			o.Spans = append(o.Spans, RecurrentSpan{s.r, at, s.rows})
			x = append(x, s.x[at*c:(at+s.rows)*c]...)
			want = append(want, convolved(s.x, w, c, taps)[at*c:(at+s.rows)*c]...)
		}
		rows := len(x) / c
		o.X, o.Out = FromF32(x, rows, c), newAct(t, F32, Plain, rows, c)
		run(t, o)
		sameBits(t, "company", &o.Out, new(FromF32(want, rows, c)))
		for _, s := range o.Spans {
			s.State.SetLen(s.Start + s.Rows)
		}
		for _, s := range []struct {
			r *Recurrent
			x []float32
		}{{child, b}, {parent, a}} { // what one kept is not what the other did
			at := s.r.Len()
			got := FromF32(convolve(t, s.r, append(slices.Clone(s.x), b...), w, c, taps, at, at+9), 9, c)
			sameBits(t, "behind company", &got, new(FromF32(convolved(append(slices.Clone(s.x), b...), w, c, taps)[at*c:(at+9)*c], 9, c)))
		}
		if err := parent.Reserve(n, n+1); err == nil {
			t.Error("positions before the end were reserved")
		}
		for _, s := range o.Spans {
			s.State.Release()
		}
	}
	if p.Live() != 0 {
		t.Errorf("%d bytes are left", p.Live())
	}
}

// TestRecurrentHolds: whatever the calls, a state goes back by up to 64 positions,
// further back to a base that is not far, and holds no more than is stated.
func TestRecurrentHolds(t *testing.T) {
	for _, base := range []int{4, 1 << 16, 1 << 20, 1 << 21} {
		const row = 3
		p := &Pool{}
		r := newRecurrent(t, p, base, row)
		g := rng(uint64(base))
		most := min(16, (4<<20)/(4*base))
		grown, peak := 0, 0
		for r.Len() < 20000 {
			start := r.Len()
			end := start + 1 + g.IntN([]int{1, 5, 70, 600}[g.IntN(4)])
			if err := r.Reserve(start, end); err != nil {
				t.Fatal(err)
			}
			if grown++; grown%5 == 0 { // a run that fails
				f := r.Fork()
				if f.Len() != start || f.Memory().Own != 0 {
					t.Fatalf("a fork behind a failed run of %d positions holds %d and takes %+v", start, f.Len(), f.Memory())
				}
				f.Release()
				continue
			}
			r.SetLen(end)
			if !r.CanReturn(start) {
				t.Fatalf("from %d to %d: the run cannot be taken back", start, end)
			}
			r.Trim()
			for n := max(0, end-testBack); n <= end; n++ {
				if !r.CanReturn(n) {
					t.Fatalf("%d positions: %d is not held", end, n)
				}
			}
			peak = max(peak, end) // what was dropped then is not there now
			n := g.IntN(end + 1)
			far := 64 * (1 + end/64) // without older bases
			if most > 0 {
				far = 2 * 64 * (1 + peak/64/most)
			}
			if m := r.Nearest(n); m > n || n-m > far || !r.CanReturn(m) {
				t.Fatalf("%d positions: nearest to %d is %d", end, n, m)
			}
			older := 0
			for _, h := range r.held {
				if h.rows == nil && h.at*64 != end {
					older++
				}
			}
			if m := r.Memory(); older > most || m.Own != p.Live() || m.Own > int64((older+3)*roundUp(4*base, 64)+2*64*4*row+128) {
				t.Fatalf("%d positions: %d older bases, at most %d, %+v, %d live", end, older, most, m, p.Live())
			}
			if grown%50 == 0 {
				back := r.Nearest(g.IntN(end))
				r.Truncate(back)
				if r.Len() != back {
					t.Fatalf("%d positions, want %d", r.Len(), back)
				}
			}
		}
		r.Release()
		if p.Live() != 0 {
			t.Errorf("%d bytes are left", p.Live())
		}
	}
}

// TestRecurrentReturns: rows computed again from any length that is held are
// those of the first time.
func TestRecurrentReturns(t *testing.T) {
	const c, taps, n = 6, 4, 1500
	g := rng(9)
	x, w := gauss(g, n*c), gauss(g, taps*c)
	want := convolved(x, w, c, taps)
	r := newRecurrent(t, &Pool{}, (taps-1)*c, c)
	for at := 0; at < n; {
		to := min(n, at+1+g.IntN(200))
		got := FromF32(convolve(t, r, x, w, c, taps, at, to), to-at, c)
		sameBits(t, "again", &got, new(FromF32(want[at*c:to*c], to-at, c)))
		r.Trim()
		at = to
		if g.IntN(2) == 0 && at < n {
			at = r.Nearest(max(0, at-g.IntN(400)))
			r.Truncate(at)
			r.Poison(at)
		}
	}
}

// TestRecurrentLoad: what was saved goes on, anything else is refused.
func TestRecurrentLoad(t *testing.T) {
	const c, taps = 6, 3
	g := rng(10)
	x, w := gauss(g, 300*c), gauss(g, taps*c)
	want := convolved(x, w, c, taps)
	for _, n := range []int{0, 1, 63, 64, 65, 130, 192} {
		r := newRecurrent(t, &Pool{}, (taps-1)*c, c)
		if n > 0 {
			convolve(t, r, x, w, c, taps, 0, n)
		}
		data, from := r.Save(nil)
		if from != n/64*64 || len(data) != 4*(2*c+(n-from)*c) {
			t.Fatalf("%d positions are saved as %d bytes from %d", n, len(data), from)
		}
		l := newRecurrent(t, &Pool{}, (taps-1)*c, c)
		for _, bad := range []struct {
			from, n int
			data    []byte
			want    string
		}{
			{from - 1, n, data, "does not begin"}, {0, 5, append([]byte{1}, make([]byte, 4*7*c-1)...), "not 0"}, {from + 1, n, data, "does not begin"}, {from, -1, data, "does not begin"},
			{1 << 30, 1<<30 + 1, data, "does not begin"}, {from + 64, n, data, "does not begin"},
			{from, n, data[1:], "bytes, want"}, {from, n, append(slices.Clone(data), 0), "bytes, want"}, {from, n, nil, "bytes, want"},
		} {
			if err := l.Load(bad.data, bad.from, bad.n); err == nil || !strings.Contains(err.Error(), bad.want) || l.Len() != 0 {
				t.Errorf("%d bytes from %d for %d: %v, want %q", len(bad.data), bad.from, bad.n, err, bad.want)
			}
		}
		if err := l.Load(data, from, n); err != nil {
			t.Fatal(err)
		}
		got := FromF32(convolve(t, l, x, w, c, taps, n, 300), 300-n, c)
		sameBits(t, "loaded", &got, new(FromF32(want[n*c:], 300-n, c)))
	}
}

// TestRecurrentRefuses: sizes are bounded before anything is allocated.
func TestRecurrentRefuses(t *testing.T) {
	for _, s := range [][4]int{{0, 1, 1, 64}, {1, 0, 1, 64}, {-1, 1, 1, 64}, {1 << 27, 1, 1, 64}, {1, 1 << 21, 1, 64}, {1 << 62, 1 << 62, 1, 64}, {1, 1, -1, 64}, {1, 1, 1 << 31, 64}, {1, 1, 1, -1}} {
		if _, err := NewRecurrent(&Pool{}, s[0], s[1], s[2], s[3]); err == nil || !strings.Contains(err.Error(), "recurrent state") {
			t.Errorf("%v: %v", s, err)
		}
	}
	r := newRecurrent(t, &Pool{}, 12, 4)
	x := FromF32(make([]float32, 8), 2, 4)
	o := &CausalConv{X: x, Out: x, Weight: make([]float32, 16), K: 4, Spans: []RecurrentSpan{{State: r, Start: 0, Rows: 2}}}
	refused := func(want string) {
		t.Helper()
		if err := o.Prepare(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refused("not reserved")
	if err := r.Reserve(0, 1<<20+1); err == nil {
		t.Error("more positions than fit are reserved")
	}
	if err := r.Reserve(0, 2); err != nil {
		t.Fatal(err)
	}
	if err := o.Prepare(); err != nil {
		t.Fatal(err)
	}
	o.Spans[0].Start = 1
	refused("positions 1 to 2")
	o.Spans[0] = RecurrentSpan{Rows: 2}
	refused("no recurrent state")
	o.Spans[0] = RecurrentSpan{State: newRecurrent(t, &Pool{}, 8, 4), Rows: 2}
	refused("want 12 and 4")
	o.K = 3
	refused("3 taps")
}

// TestRecurrentAllocates: appending one position at a time allocates nothing once
// the first chunks have come and gone.
func TestRecurrentAllocates(t *testing.T) {
	const c, taps = 8, 4
	r := newRecurrent(t, &Pool{}, (taps-1)*c, c)
	x := FromF32(make([]float32, c), 1, c)
	o := &CausalConv{X: x, Out: newAct(t, F32, Plain, 1, c), Weight: make([]float32, taps*c), K: taps, Spans: make([]RecurrentSpan, 1)}
	one := func() {
		n := r.Len()
		o.Spans[0] = RecurrentSpan{State: r, Start: n, Rows: 1}
		err := r.Reserve(n, n+1)
		if err == nil {
			err = o.Prepare()
		}
		if err != nil {
			t.Fatal(err)
		}
		o.Run(0, o.Items(), nil)
		r.SetLen(n + 1)
		r.Trim()
	}
	for range 64 * 40 {
		one()
	}
	if n := testing.AllocsPerRun(300, one); n > 0 {
		t.Errorf("%v allocations per position", n)
	}
}
