package scheduler_test

import (
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/scheduler"
)

// benchEnv names the bundle of BenchmarkTogether; a tiny model is used without it.
const benchEnv = "TESSERA_BENCH_BUNDLE"

func benchModel(b *testing.B, threads int) *runtime.Model {
	path := os.Getenv(benchEnv)
	if path == "" {
		return model(b, program(b, "qwen3-f32-tied", convert.Options{}), runtime.Options{Threads: threads})
	}
	m, err := runtime.Open(path, runtime.Options{Backend: cpu.Backend{}, Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return m
}

// generates 32 tokens from a prompt of one and goes back.
func generate(b *testing.B, s sequence, id int32) {
	all, err := collect(s.Generate(b.Context(), []int32{id}, runtime.GenerateOptions{MaxTokens: 32, IgnoreEOS: true}))
	if err == nil {
		err = s.Rewind(b.Context(), 0)
	}
	if err != nil || len(all) != 32 {
		b.Error(len(all), err)
	}
}

// BenchmarkAlone is 32 tokens of one session: its model's own, and one of a scheduler.
func BenchmarkAlone(b *testing.B) {
	b.Run("model", func(b *testing.B) {
		s, err := benchModel(b, 0).NewSession()
		if err != nil {
			b.Fatal(err)
		}
		generate(b, s, 1)
		for b.Loop() {
			generate(b, s, 1)
		}
		b.ReportMetric(32*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	})
	b.Run("scheduler", func(b *testing.B) {
		s := session(b, shareModel(b, benchModel(b, 0), scheduler.Options{}))
		generate(b, s, 1)
		for b.Loop() {
			generate(b, s, 1)
		}
		b.ReportMetric(32*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	})
}

// BenchmarkTogether is 32 tokens each of goroutines that share a model.
func BenchmarkTogether(b *testing.B) {
	for _, n := range []int{1, 2, 4, 8, 16} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := shareModel(b, benchModel(b, 0), scheduler.Options{})
			all := make([]*scheduler.Session, n)
			for i := range all {
				all[i] = session(b, c)
			}
			round := func() {
				var group sync.WaitGroup
				for i, s := range all {
					group.Go(func() { generate(b, s, int32(i)) })
				}
				group.Wait()
			}
			round()
			for b.Loop() {
				round()
			}
			b.ReportMetric(32*float64(n*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkBeside is steps of four sessions that decode beside a prompt that is read a
// number of tokens at a time: what these cost the others.
func BenchmarkBeside(b *testing.B) {
	m := benchModel(b, 0)
	batch := make([]runtime.Append, 5)
	for i := range batch {
		s, err := m.NewSession()
		if err != nil {
			b.Fatal(err)
		}
		batch[i] = runtime.Append{Session: s, IDs: []int32{1}, Rows: []runtime.Row{{}}}
	}
	for _, n := range []int{0, 8, 16, 32, 64, 128, 256} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			step := batch[:4]
			if n > 0 {
				step = batch
				step[4].IDs, step[4].Rows = make([]int32, n), nil
			}
			for b.Loop() {
				if _, err := m.Step(b.Context(), step); err != nil {
					b.Fatal(err)
				}
				for _, a := range step {
					if err := a.Session.Rewind(b.Context(), 0); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "prompt-tokens/s")
		})
	}
}
