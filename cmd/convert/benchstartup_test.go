package main

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/bench"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// TestFirstLogits runs what --startup starts, with a cache type and without: one line of JSON.
func TestFirstLogits(t *testing.T) {
	path := demo(t)
	for _, c := range []struct{ flag, prompt, kv string }{{"--first-ids", "1,2,3", ""}, {"--first-text", "The prince", "q8_0/f16"}} {
		var f bench.FirstLogits
		args := append(startArgs("tessera", path, bench.Options{Threads: []int{1}, Chunk: 64, KVType: c.kv, Backend: cpu.Backend{}}), c.flag, c.prompt)
		if err := json.Unmarshal([]byte(ok(t, args[1:]...)), &f); err != nil {
			t.Fatal(err)
		}
		if f.Tokens < 1 || c.flag == "--first-ids" && f.Tokens != 3 || f.KV <= 0 || f.Prefill <= 0 || f.Open <= 0 || f.Compile <= 0 {
			t.Errorf("%s: %+v", c.flag, f)
		}
	}
}

// TestStartupFlags: what --startup does not measure is refused, and the backend is handed down.
func TestStartupFlags(t *testing.T) {
	path := demo(t)
	for _, f := range [][]string{{"-p", "8"}, {"-n", "4"}, {"-d", "3"}, {"--sessions", "2"}, {"--ops"}, {"--scaling"}, {"--limits"}, {"--ablate"}} {
		fails(t, 2, "--startup and "+f[0]+" do not go together", append([]string{"bench", path, "--startup"}, f...)...)
	}
	fails(t, 2, "2 values of --threads", "bench", path, "--startup", "--threads", "1,2")
	args := startArgs("tessera", path, bench.Options{Threads: []int{1}, Chunk: 64, Backend: reference.Backend{}})
	if i := slices.Index(args, "--backend"); i < 0 || args[i+1] != "reference" {
		t.Errorf("a start is %q", args)
	}
}
