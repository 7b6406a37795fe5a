package perplexity

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const vocab = 5

// fake predicts from the last id alone: logit of j behind id is
// ((id*3 + j*2) mod 5) + noise.
type fake struct {
	ids   []int32
	noise float32
	block int // logits per block
	seen  [][]int32
	fail  error
}

func (f *fake) Rewind(_ context.Context, n int) error {
	if len(f.ids) > 0 {
		f.seen = append(f.seen, slices.Clone(f.ids))
	}
	f.ids = f.ids[:n]
	return nil
}

func (f *fake) Extend(_ context.Context, ids []int32) error {
	f.ids = append(f.ids, ids...)
	return f.fail
}

func (f *fake) logits(id int32) []float32 {
	l := make([]float32, vocab)
	for j := range l {
		l[j] = float32((int(id)*3+j*2)%vocab) + f.noise*float32(j*j%3)
	}
	return l
}

func (f *fake) LogitBlocks(_ context.Context, ids []int32, block func(int, []float32, int) error) error {
	for at := 0; at < len(ids); at += f.block {
		var rows []float32
		for _, id := range ids[at:min(at+f.block, len(ids))] {
			f.ids = append(f.ids, id)
			rows = append(rows, f.logits(id)...)
		}
		if err := block(at, rows, vocab); err != nil {
			return err
		}
	}
	return nil
}

// text is a fixed walk through the vocabulary.
func text(n int) []int32 {
	ids := make([]int32, n)
	x := uint32(7)
	for i := range ids {
		x = x*1664525 + 1013904223
		ids[i] = int32(x>>16) % vocab
	}
	return ids
}

// nll is the textbook formula.
func nll(l []float32, id int32) float64 {
	var sum float64
	for _, v := range l {
		sum += math.Exp(float64(v))
	}
	return math.Log(sum) - float64(l[id])
}

func TestMeasure(t *testing.T) {
	ids := text(43)
	for _, c := range []struct {
		name    string
		o       Options
		windows int
		first   int // first scored token of a window of 8
	}{
		{"half", Options{Window: 8, BOS: -1}, 5, 5},
		{"all", Options{Window: 8, BOS: -1, ScoreAll: true}, 5, 1},
		{"all, with bos", Options{Window: 8, BOS: 4, ScoreAll: true}, 5, 1},
		{"two windows", Options{Window: 8, BOS: -1, MaxWindows: 2}, 2, 5},
	} {
		var want, wantSq float64
		var windows []float64
		n := 0
		f := &fake{}
		for w := range c.windows {
			var sum float64
			for i := c.first; i < 8; i++ {
				prev := ids[8*w+i-1]
				if i == 1 && c.o.BOS >= 0 {
					prev = c.o.BOS
				}
				v := nll(f.logits(prev), ids[8*w+i])
				want, wantSq, sum, n = want+v, wantSq+v*v, sum+v, n+1
			}
			windows = append(windows, sum/float64(8-c.first))
		}
		mean := want / float64(n)
		stderr := math.Exp(mean) * math.Sqrt((wantSq/float64(n)-mean*mean)/float64(n-1))
		var first *Result
		for _, workers := range []int{1, 3} {
			for _, block := range []int{1, 3, 100} {
				f := &fake{block: block}
				o := c.o
				o.Workers = workers
				calls := 0
				o.Progress = func(_ *Result, total int) {
					if calls++; total != c.windows {
						t.Errorf("%s: progress of %d windows, want %d", c.name, total, c.windows)
					}
				}
				r, err := Measure(t.Context(), f, ids, o)
				if err != nil {
					t.Fatal(err)
				}
				if r.Windows != c.windows || calls != c.windows || r.Scored != n || math.Abs(r.NLL-mean) > 1e-12 || math.Abs(r.StdErr-stderr) > 1e-9 || math.Abs(r.Perplexity-math.Exp(mean)) > 1e-9 {
					t.Errorf("%s: %+v, want %d windows, %d tokens, nll %v, ± %v", c.name, r, c.windows, n, mean, stderr)
				}
				for i, v := range windows {
					if math.Abs(r.WindowNLL[i]-v) > 1e-12 {
						t.Errorf("%s: window %d: %v, want %v", c.name, i, r.WindowNLL[i], v)
					}
				}
				if first == nil {
					first = r
				} else if r.NLL != first.NLL || r.StdErr != first.StdErr {
					t.Errorf("%s: %d workers, blocks of %d: %v, before %v", c.name, workers, block, r.NLL, first.NLL)
				}
				for _, seq := range f.seen {
					if len(seq) != 7 || c.o.BOS >= 0 && seq[0] != c.o.BOS {
						t.Errorf("%s: a window was run as %v", c.name, seq)
					}
				}
			}
		}
	}
}

func TestMeasureRefuses(t *testing.T) {
	stop := errors.New("stop")
	nan := float32(math.NaN())
	for _, c := range []struct {
		want string
		f    fake
		ids  []int32
		o    Options
	}{
		{"give more text", fake{block: 1}, text(7), Options{Window: 8}},
		{"nothing to score", fake{block: 1}, text(7), Options{Window: 1}},
		{"outside the vocabulary", fake{block: 1}, []int32{0, 0, 0, vocab}, Options{Window: 4, BOS: -1}},
		{"NaN", fake{block: 1, noise: nan}, text(8), Options{Window: 8, BOS: -1}},
		{"NaN", fake{block: 1, noise: float32(math.Inf(1))}, text(8), Options{Window: 8, BOS: -1}},
		{"stop", fake{block: 1, fail: stop}, text(8), Options{Window: 8, BOS: -1}},
	} {
		if r, err := Measure(t.Context(), &c.f, c.ids, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, %v, want %q", r, err, c.want)
		}
	}
}

// base measures ids with noise 0 and keeps the predictions.
func base(t testing.TB, ids []int32) string {
	path := filepath.Join(t.TempDir(), "base")
	o := Options{Window: 8, BOS: -1}
	var err error
	if o.Save, err = CreateBase(path, ids, vocab, o); err != nil {
		t.Fatal(err)
	}
	if _, err := Measure(context.Background(), &fake{block: 2}, ids, o); err != nil {
		t.Fatal(err)
	}
	if err := o.Save.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func compareBase(t *testing.T, path string, f *fake) *Result {
	b, err := OpenBase(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r, err := Measure(t.Context(), f, b.IDs, Options{Window: b.Window, BOS: -1, Base: b})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBase(t *testing.T) {
	ids := text(43)
	path := base(t, ids)
	r := compareBase(t, path, &fake{block: 3})
	if d := r.Divergence; math.Abs(d.KL) > 1e-6 || d.SameTop != 1 || math.Abs(d.BasePerplexity/r.Perplexity-1) > 1e-4 || math.Abs(d.LogRatio) > 1e-4 || r.Scored != 15 {
		t.Errorf("a model compared with itself: %+v", d)
	}
	const noise = 0.3
	other := &fake{noise: noise, block: 3}
	r = compareBase(t, path, other)
	var kl float64
	same := 0
	for w := range 5 {
		for i := 5; i < 8; i++ {
			p, q := (&fake{}).logits(ids[8*w+i-1]), other.logits(ids[8*w+i-1])
			for j := range p {
				kl += math.Exp(-nll(p, int32(j))) * (nll(q, int32(j)) - nll(p, int32(j))) / 15
			}
			if slices.Index(p, slices.Max(p)) == slices.Index(q, slices.Max(q)) {
				same++
			}
		}
	}
	if d := r.Divergence; math.Abs(d.KL-kl) > 1e-5 || math.Abs(d.SameTop-float64(same)/15) > 1e-9 || d.KLMax < d.KL99 || d.KL99 < d.KLMedian {
		t.Errorf("%+v, want KL %v, same top %d of 15", d, kl, same)
	}
}

// TestBaseBytes fixes the layout of llama-perplexity's file.
func TestBaseBytes(t *testing.T) {
	data, err := os.ReadFile(base(t, text(16)))
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	want = append(want, "_logits_"...)
	want = binary.LittleEndian.AppendUint32(want, 8)
	want = binary.LittleEndian.AppendUint32(want, vocab)
	want = binary.LittleEndian.AppendUint32(want, 2)
	for _, id := range text(16) {
		want = binary.LittleEndian.AppendUint32(want, uint32(id))
	}
	for w := range 2 {
		for i := 4; i < 7; i++ {
			l := (&fake{}).logits(text(16)[8*w+i]) // 0..4 in some order
			want = binary.LittleEndian.AppendUint32(want, math.Float32bits(4/65535.))
			want = binary.LittleEndian.AppendUint32(want, math.Float32bits(float32(-nll([]float32{0, 1, 2, 3, 4}, 0))))
			for _, v := range l {
				want = binary.LittleEndian.AppendUint16(want, uint16(math.Round(float64(v)/4*65535)))
			}
			want = append(want, 0, 0) // an odd vocabulary
		}
	}
	// The quotient of a rounded scale may fall on the other side of a tie.
	for i := range want {
		if len(data) != len(want) || data[i] != want[i] {
			t.Fatalf("byte %d of %d (want %d): %x, want %x", i, len(data), len(want), data[i], want[i])
		}
	}
}

func TestBaseRefuses(t *testing.T) {
	good, err := os.ReadFile(base(t, text(16)))
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, v uint32) []byte {
		b := slices.Clone(good)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"magic":      {[]byte("GGUF"), "starts with"},
		"short":      {good[:len(good)-1], "incomplete"},
		"long":       {append(slices.Clone(good), 0), "incomplete"},
		"window":     {change(8, 1<<30), "out of range"},
		"vocabulary": {change(12, 1<<31), "out of range"},
		"windows":    {change(16, 1<<31-1), "incomplete"},
		"token":      {change(20, vocab), "outside the vocabulary"},
		"scale":      {change(20+64, math.Float32bits(float32(math.NaN()))), "no distribution"},
	} {
		path := filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBase(path)
		if err == nil {
			_, err = Measure(t.Context(), &fake{block: 1}, b.IDs, Options{Window: 8, BOS: -1, Base: b})
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestBaseWriterLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	w, err := CreateBase(path, text(16), vocab, Options{Window: 8})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("closed without windows: %v", err)
	}
	w.Abort()
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := CreateBase(path, text(16), vocab, Options{Window: 8, ScoreAll: true}); err == nil {
		t.Error("a base of whole windows was begun")
	}
}

func FuzzOpenBase(f *testing.F) {
	seed, err := os.ReadFile(base(f, text(16)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:baseHead])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBase(path)
		if err != nil {
			return
		}
		defer b.Close()
		if 4*len(b.IDs)+len(b.buf) > len(data) {
			t.Fatalf("%d ids and a window of %d bytes from %d", len(b.IDs), len(b.buf), len(data))
		}
		for w := range b.Windows {
			if err := b.load(w); err != nil {
				t.Fatal(err)
			}
		}
	})
}
