package main

import (
	"encoding/json"
	"testing"

	"github.com/tessera-llm/tessera/pkg/bench"
)

// TestFirstLogits runs what --startup starts, with a cache type and without: one line of JSON.
func TestFirstLogits(t *testing.T) {
	path := demo(t)
	for _, c := range []struct{ flag, prompt, kv string }{{"--first-ids", "1,2,3", ""}, {"--first-text", "The prince", "q8_0/f16"}} {
		var f bench.FirstLogits
		args := append(startArgs("tessera", path, bench.Options{Threads: []int{1}, Chunk: 64, KVType: c.kv}), c.flag, c.prompt)
		if err := json.Unmarshal([]byte(ok(t, args[1:]...)), &f); err != nil {
			t.Fatal(err)
		}
		if f.Tokens < 1 || c.flag == "--first-ids" && f.Tokens != 3 || f.KV <= 0 || f.Prefill <= 0 || f.Open <= 0 || f.Compile <= 0 {
			t.Errorf("%s: %+v", c.flag, f)
		}
	}
}
