package backendtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// TestLate: a device that works behind its caller's back obeys the protocol.
func TestLate(t *testing.T) {
	s, err := newSuite(Late{Inner: reference.Backend{}}, Budget{Target: target.CPU})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, p := range protocol {
		if err := p.check(s, 0); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		s.devices[0].Wait(t.Context()) // forget errors that nobody waited for
	}
}

// TestLateFailure: whichever run fails, and however many were handed in behind
// it, all states are as long as before the first that failed, and what is done
// again gives what it would have given.
func TestLateFailure(t *testing.T) {
	const rounds, perRound = 4, 3
	var want [rounds][]float32
	for failAt := range rounds*perRound + 1 { // the first of all has no failure
		s, err := newSuite(Late{Inner: reference.Backend{}, FailAt: failAt}, Budget{Target: target.CPU})
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.tiny(0)
		if err != nil {
			t.Fatal(err)
		}
		var states [3]backend.State
		for i := range states {
			if states[i], err = m.state(); err != nil {
				t.Fatal(err)
			}
		}
		failures := 0
		for round := 0; round < rounds; {
			y, before, err := lateRound(m, states[:], round, perRound)
			if err != nil {
				failures++
				if !errors.Is(err, ErrLate) {
					t.Fatalf("run %d fails, round %d: %v", failAt, round, err)
				}
				done := (failAt - 1) % perRound // of the round's runs, before the one that failed
				for i, st := range states {
					if got, want := st.Len(), before[i]+done*(i+1); got != want {
						t.Fatalf("run %d fails: state %d holds %d positions, want %d", failAt, i, got, want)
					}
					if err := st.Truncate(before[i]); err != nil {
						t.Fatal(err)
					}
				}
				continue
			}
			if failAt == 0 {
				want[round] = y
			} else if !slices.Equal(y, want[round]) {
				t.Fatalf("run %d failed: round %d gives other results", failAt, round)
			}
			round++
		}
		if want := min(failAt, 1); failures != want {
			t.Errorf("run %d was to fail, %d did", failAt, failures)
		}
		s.close()
	}
}

// lateRound hands in runs of all states without waiting, reads the logits of
// the last, and returns them with the lengths before.
func lateRound(m *tiny, states []backend.State, round, runs int) (y []float32, before []int, err error) {
	for _, st := range states {
		before = append(before, st.Len())
	}
	for run := range runs {
		var spans []backend.Span
		var ids []int32
		for i, st := range states {
			for n := range i + 1 {
				ids = append(ids, int32((round*runs+run+3*i+n)%tinyVocab))
			}
			spans = append(spans, backend.Span{State: st, Rows: i + 1, Want: []int32{int32(i)}})
		}
		if err := first(m.in[0].SetInt32(ids), m.exe.Run(context.Background(), spans, m.in, m.out)); err != nil {
			return nil, before, fmt.Errorf("handing in: %w", err)
		}
	}
	y, err = m.out[0].Float32(context.Background())
	return slices.Clone(y), before, err
}
