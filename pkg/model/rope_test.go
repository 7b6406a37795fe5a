package model_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestRopeAgainstTransformers compares inv_freq with testdata/rope.txt, written
// by transformers. The power is rounded once here and nearly so in torch, and
// llama3 scaling divides once where transformers adds: that makes at most
// three units in the last place.
func TestRopeAgainstTransformers(t *testing.T) {
	data, err := os.ReadFile("testdata/rope.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for line := range strings.Lines(string(data)) {
		cases++
		part := strings.Split(strings.TrimSpace(line), "\t")
		var c struct {
			HeadDim int64 `json:"head_dim"`
			Rope    json.RawMessage
		}
		if err := json.Unmarshal([]byte(part[0]), &c); err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf(`{"model_type":"llama","vocab_size":8,"hidden_size":%d,"intermediate_size":8,"num_hidden_layers":1,
			"num_attention_heads":1,"head_dim":%[1]d,"max_position_embeddings":131072,"rope_parameters":%s}`, c.HeadDim, c.Rope)
		got, err := model.ParseConfig([]byte(config))
		if err != nil {
			t.Errorf("%s: %v", part[0], err)
			continue
		}
		scale, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if s := got.Ropes[0].Scale; float32(s) != float32(scale) && !(s == 0 && scale == 1) {
			t.Errorf("%s: attention factor %v, want %v", part[0], s, scale)
		}
		inv, same := got.Ropes[0].InvFreq(), 0
		want := strings.Fields(part[2])
		if len(want) != len(inv) {
			t.Fatalf("%s: %d frequencies, want %d", part[0], len(inv), len(want))
		}
		for i, x := range inv {
			w, err := strconv.ParseUint(want[i], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			off := int64(math.Float32bits(x)) - int64(w)
			if off < -3 || off > 3 {
				t.Errorf("%s: frequency %d is %v, %d units from %v", part[0], i, x, off, math.Float32frombits(uint32(w)))
			}
			if off == 0 {
				same++
			}
		}
		t.Logf("%s: %d of %d bit-equal", part[0], same, len(inv))
	}
	if cases < 10 {
		t.Errorf("only %d cases", cases)
	}
}

// TestYarnAgrees: both containers describe one rotation.
func TestYarnAgrees(t *testing.T) {
	h, err := model.ParseConfig([]byte(`{"model_type":"llama","vocab_size":48,"hidden_size":32,"intermediate_size":64,"num_hidden_layers":2,
		"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":512,"rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":128}}`))
	if err != nil {
		t.Fatal(err)
	}
	set := m{"*.rope.scaling.type": "yarn", "*.rope.scaling.factor": float32(4), "*.rope.scaling.original_context_length": uint32(128), "*.rope.scaling.yarn_beta_fast": float32(32)}
	g, _, err := buildGGUF(t, ggufKeys("llama", set), ggufTensors(t, ggufConfig(), tensor.F32))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(h.Ropes) != fmt.Sprint(g.Config.Ropes) {
		t.Errorf("hf %+v, gguf %+v", h.Ropes, g.Config.Ropes)
	}
	if n := g.Graph.Nodes[len(g.Graph.Nodes)-1]; n.Op != "topk" {
		t.Errorf("last node is %s", n.Op)
	}
	for _, n := range g.Graph.Nodes {
		if s := n.Float("mscale"); n.Op == "rope" && float32(s) != 1.1386294361119891 {
			t.Errorf("mscale %v", s)
		}
	}
	set["*.rope.scaling.original_context_length"] = remove
	if _, _, err := buildGGUF(t, ggufKeys("llama", set), ggufTensors(t, ggufConfig(), tensor.F32)); err == nil || !strings.Contains(err.Error(), "original_context_length") {
		t.Errorf("yarn without original context: %v", err)
	}
}
