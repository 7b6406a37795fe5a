package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// without is a committed checkpoint in memory, without a pass.
func without(t *testing.T, pass ...string) *runtime.Program {
	t.Helper()
	ck, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	plan, err := convert.NewPlan(t.Context(), ck, convert.Options{Type: quant.Q8_0, Disable: pass})
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Program(1)
	p.Close = func() error { t.Error("the program was closed"); return nil }
	return p
}

func TestAblate(t *testing.T) {
	variants := []Variant{
		{Pass: "pack-weights", Program: without(t, "pack-weights")},
		{Pass: "share-embedding", Note: "nothing to do"},
		{Pass: "share-embedding", Program: without(t, "share-embedding")},
		{Pass: "fuse-rope", Also: []string{"x"}, Program: without(t, "fuse-rope")},
	}
	var steps []string
	o := AblateOptions{Prompt: 40, Gen: 3, Depth: 10, Threads: 1, Rounds: 4, Chunk: 16, Backend: cpu.Backend{}, Progress: func(s string) { steps = append(steps, s) }}
	var got []Ablation
	if err := Ablate(t.Context(), without(t), variants, o, func(a Ablation) error { got = append(got, a); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got[1].Note != "nothing to do" || got[1].Losses != nil || !slices.Equal(got[3].Also, []string{"x"}) {
		t.Fatalf("%+v", got)
	}
	// An embedding of 256 × 64 in q8_0 is stored once more without sharing.
	if got[2].Extra != 256*64*34/32 || got[3].Extra != 0 {
		t.Errorf("%d and %d bytes more", got[2].Extra, got[3].Extra)
	}
	for _, a := range []Ablation{got[0], got[3]} {
		for i, l := range a.Losses {
			if name := []string{"pp40 @ d10", "tg3 @ d10"}[i]; l.Test != name || l.Length != []int{40, 3}[i] || len(l.Fulls) != 4 || len(l.Others) != 4 {
				t.Errorf("%+v", l)
			}
			var lost []float64
			for j := range l.Fulls {
				lost = append(lost, 1-l.Others[j]/l.Fulls[j])
			}
			if l.Full != median(l.Fulls) || l.Without != median(l.Others) || l.Lost != median(lost) || !(l.Full > 0) || !(l.Without > 0) {
				t.Errorf("%+v", l)
			}
		}
	}
	if !slices.Contains(steps, "without fuse-rope, tg3 @ d10: round 4 of 4") {
		t.Errorf("%q", steps)
	}
	// A limit that nothing fits leaves one token.
	o.Limit, o.Rounds = time.Nanosecond, 1
	if err := Ablate(t.Context(), without(t), variants[:1], o, func(a Ablation) error {
		if a.Losses[0].Length != 1 || a.Losses[1].Length != 1 {
			t.Errorf("%+v", a)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAblateRefuses(t *testing.T) {
	full := without(t)
	good := AblateOptions{Prompt: 4, Rounds: 1, Threads: 1, Backend: cpu.Backend{}}
	stop := errors.New("stop")
	variants := []Variant{{Pass: "fuse-rope", Program: full}}
	for want, change := range map[string]func(*AblateOptions){
		"no rounds": func(o *AblateOptions) { o.Rounds = 0 },
		"nothing":   func(o *AblateOptions) { o.Prompt = 0 },
		"positions": func(o *AblateOptions) { o.Depth = 600 },
		"q3":        func(o *AblateOptions) { o.KVType = "q3" },
		"stop":      func(*AblateOptions) {},
	} {
		o := good
		change(&o)
		if err := Ablate(t.Context(), full, variants, o, func(Ablation) error { return stop }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Ablate(ctx, full, variants, good, func(Ablation) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestMedian(t *testing.T) {
	if median([]float64{5}) != 5 || median([]float64{3, 1, 2}) != 2 || median([]float64{4, 1, 2, 3}) != 2.5 || !math.IsInf(median([]float64{math.Inf(1)}), 1) {
		t.Error("median")
	}
}
