package model_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
)

var update = flag.Bool("update", false, "rewrite the expected graphs in testdata")

// models lists the committed checkpoints.
func models(t *testing.T) []string {
	t.Helper()
	dirs, err := os.ReadDir(testutil.Model(""))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range dirs {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	if len(names) == 0 {
		t.Fatal("no checkpoints under testdata/models")
	}
	return names
}

func open(t *testing.T, path string) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func build(t *testing.T, c *checkpoint.Checkpoint, o model.Options) *model.Model {
	t.Helper()
	m, err := model.Build(c, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.Verify(m.Graph); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGraphs compares the graph of every config in testdata with its text.
func TestGraphs(t *testing.T) {
	for name, config := range configs(t) {
		t.Run(name, func(t *testing.T) {
			m, err := model.BuildHF("testdata", tensorsOf(t, config, tensor.BF16), config, model.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := ir.Format(m.Graph)
			back, err := ir.Parse(got)
			if err != nil || ir.Format(back) != got {
				t.Fatalf("the text form does not read back: %v", err)
			}
			path := filepath.Join("testdata", name+".ir")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("graph differs from %s (run with -update and look at the difference)\n%s", path, firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer"
}

// TestContainersAgree builds each checkpoint from its HF folder and from its
// GGUF: same config, same graph but for the expressions, same weight bytes.
func TestContainersAgree(t *testing.T) {
	pairs := 0
	for _, name := range models(t) {
		file := filepath.Join(testutil.Model(name), name+".gguf")
		if _, err := os.Stat(file); err != nil {
			continue
		}
		pairs++
		t.Run(name, func(t *testing.T) {
			hc, gc := open(t, testutil.Model(name)), open(t, file)
			h, g := build(t, hc, model.Options{}), build(t, gc, model.Options{})
			if !slices.Equal(h.Config.Layers, g.Config.Layers) || h.Config.RMSEps != g.Config.RMSEps || h.Config.Ropes[0].Theta != g.Config.Ropes[0].Theta ||
				h.Config.Tied != g.Config.Tied || h.Config.ContextLength != g.Config.ContextLength {
				t.Errorf("configs differ:\nhf   %+v\ngguf %+v", h.Config, g.Config)
			}
			if a, b := nodes(h.Graph), nodes(g.Graph); a != b {
				t.Errorf("graphs differ: %s", firstDifference(a, b))
			}
			if len(h.Graph.Weights) != len(g.Graph.Weights) {
				t.Fatalf("%d and %d weights", len(h.Graph.Weights), len(g.Graph.Weights))
			}
			for i, hw := range h.Graph.Weights {
				gw := g.Graph.Weights[i]
				if hw.Name != gw.Name || hw.Type != gw.Type || !hw.Shape.Equal(gw.Shape) {
					t.Fatalf("weight %d is %s %s %v and %s %s %v", i, hw.Name, hw.Type, hw.Shape, gw.Name, gw.Type, gw.Shape)
				}
				a, err := weights.Bytes(hw.Expr, hc.Source(), 2)
				if err != nil {
					t.Fatal(err)
				}
				b, err := weights.Bytes(gw.Expr, gc.Source(), 1)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(a, b) {
					t.Errorf("weight %s: bytes differ", hw.Name)
				}
			}
		})
	}
	if pairs < 5 {
		t.Errorf("only %d checkpoints have a GGUF", pairs)
	}
}

// nodes is the text of a graph without its name and weights.
func nodes(g *ir.Graph) string {
	var keep []string
	for line := range strings.Lines(ir.Format(g)) {
		if !strings.HasPrefix(line, "weight ") && !strings.HasPrefix(line, "graph ") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}
