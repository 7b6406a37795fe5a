package main

import (
	"encoding/json"
	"testing"

	"github.com/tessera-llm/tessera/pkg/bench"
)

// TestFirstLogits runs what --startup starts: one line of JSON.
func TestFirstLogits(t *testing.T) {
	path := demo(t)
	for _, c := range []struct{ flag, prompt string }{{"--first-ids", "1,2,3"}, {"--first-text", "The prince"}} {
		var f bench.FirstLogits
		if err := json.Unmarshal([]byte(ok(t, "bench", path, c.flag, c.prompt, "--threads", "1")), &f); err != nil {
			t.Fatal(err)
		}
		if f.Tokens < 1 || c.flag == "--first-ids" && f.Tokens != 3 || f.KV <= 0 || f.Prefill <= 0 || f.Open <= 0 || f.Compile <= 0 {
			t.Errorf("%s: %+v", c.flag, f)
		}
	}
}
