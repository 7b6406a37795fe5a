package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/passes"
)

func TestAblateCommand(t *testing.T) {
	small := []string{"-p", "8", "-n", "2", "-r", "1", "--threads", "1", "--type", "q8_0"}
	var rep ablateReport
	out := ok(t, append([]string{"bench", modelPath("qwen3-f32-tied"), "--ablate", "--format", "json"}, small...)...)
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rep.Rows {
		names = append(names, r.Pass)
		switch r.Pass {
		case "choose-cuts":
			if !strings.HasPrefix(r.Note, "required") || r.Losses != nil {
				t.Errorf("%+v", r)
			}
		default:
			if r.Note != "" || len(r.Losses) != 2 || r.Losses[0].Test != "pp8" || r.Losses[1].Test != "tg2" || r.Losses[0].Without <= 0 {
				t.Errorf("%+v", r)
			}
			if gone := r.Pass == "assign-layout"; gone != slices.Contains(r.Also, "propagate-layout") {
				t.Errorf("%s takes %q with it", r.Pass, r.Also)
			}
		}
	}
	if !slices.Equal(names, passes.Names()) || rep.Weights.Type != "q8_0" || rep.Threads != 1 || rep.Rounds != 1 {
		t.Errorf("%q, %+v", names, rep)
	}
	// Nothing is left behind.
	left, err := os.ReadDir(testCache(t))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), "weights-") {
			t.Errorf("%s is still there", e.Name())
		}
	}

	out = ok(t, append([]string{"bench", modelPath("llama-f32"), "--ablate", "--format", "md", "--disable", "fuse-rope", "-d", "16"}, small...)...)
	for _, want := range []string{"| share-embedding | nothing to do in this model |", "| fuse-rope | disabled in all |", "| assign-layout (so also propagate-layout) | pp8 @ d16 |"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	path := bundle(t, "qwen3-f32-tied")
	ckpt := modelPath("qwen3-f32-tied")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"is a bundle", []string{path}},
		{"one checkpoint", []string{ckpt, ckpt}},
		{"want one", []string{ckpt, "-p", "1,2"}},
		{"want one", []string{ckpt, "-d", "0,2"}},
		{"do not go together", []string{ckpt, "--ops"}},
		{"no csv", []string{ckpt, "--format", "csv"}},
		{"want one of", []string{ckpt, "--format", "html"}},
	} {
		fails(t, 2, c.want, append([]string{"bench", "--ablate"}, c.args...)...)
	}
}
