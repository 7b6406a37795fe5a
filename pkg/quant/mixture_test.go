package quant

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// mixtureCase is one model of testdata/mixture.txt.
type mixtureCase struct {
	name    string
	model   Model
	tensors []mixtureTensor
	want    []string // "q4_k_m | ..."
}

type mixtureTensor struct {
	name   string // blk.*.attn_q.weight
	shape  tensor.Shape
	src    tensor.Type
	layers []int // -1 for a tensor outside of the layers
}

// TestMixtures compares the type of every tensor with llama-quantize.
func TestMixtures(t *testing.T) {
	for _, c := range readMixtures(t) {
		var items []Item
		for _, ts := range c.tensors {
			for _, layer := range ts.layers {
				items = append(items, Item{layerName(ts.name, layer), ts.shape, ts.src})
			}
		}
		for _, want := range c.want {
			name, _, _ := strings.Cut(want, " ")
			t.Run(c.name+"/"+name, func(t *testing.T) {
				recipe, err := ParseRecipe(name)
				if err != nil {
					t.Fatal(err)
				}
				plan, err := NewPlan(recipe, c.model, items)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.TrimRight(name+" | "+summary(c, plan), " "); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		}
	}
}

func layerName(name string, layer int) string {
	return strings.Replace(name, "*", strconv.Itoa(layer), 1)
}

// summary prints a plan as mixture.py does.
func summary(c mixtureCase, plan *Plan) string {
	chosen := map[string]tensor.Type{}
	for _, ch := range plan.Choices {
		chosen[ch.Name] = ch.To
	}
	parts := map[string][]string{}
	for _, ts := range c.tensors {
		by := map[tensor.Type][]int{}
		for _, layer := range ts.layers {
			ty := chosen[layerName(ts.name, layer)]
			by[ty] = append(by[ty], layer)
		}
		short := strings.TrimSuffix(strings.TrimPrefix(ts.name, "blk.*."), ".weight")
		for ty, layers := range by {
			switch {
			case ty == ts.src:
			case len(layers) == len(ts.layers):
				parts[ty.String()] = append(parts[ty.String()], short)
			default:
				parts[ty.String()] = append(parts[ty.String()], short+"["+ranges(layers)+"]")
			}
		}
	}
	var groups []string
	for ty, names := range parts {
		slices.Sort(names)
		groups = append(groups, ty+": "+strings.Join(names, " "))
	}
	slices.Sort(groups)
	return strings.Join(groups, " | ")
}

// ranges prints ascending numbers as "0-3,6".
func ranges(n []int) string {
	var out []string
	for i := 0; i < len(n); {
		j := i
		for j+1 < len(n) && n[j+1] == n[j]+1 {
			j++
		}
		if i == j {
			out = append(out, strconv.Itoa(n[i]))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", n[i], n[j]))
		}
		i = j + 1
	}
	return strings.Join(out, ",")
}

func parseRanges(t *testing.T, s string) (n []int) {
	for part := range strings.SplitSeq(s, ",") {
		var lo, hi int
		if k, _ := fmt.Sscanf(part, "%d-%d", &lo, &hi); k == 1 {
			hi = lo
		} else if k != 2 {
			t.Fatalf("bad range %q", s)
		}
		for ; lo <= hi; lo++ {
			n = append(n, lo)
		}
	}
	return n
}

func readMixtures(t *testing.T) (cases []mixtureCase) {
	text, err := os.ReadFile("testdata/mixture.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#":
		case f[0] == "case":
			c := mixtureCase{name: f[1]}
			m := &c.model
			if _, err := fmt.Sscanf(strings.Join(f[2:], " "), "arch=%s layers=%d experts=%d heads=%d kv=%d",
				&m.Arch, &m.Layers, &m.Experts, &m.Heads, &m.KVHeads); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			cases = append(cases, c)
		case f[0] == "tensor":
			c := &cases[len(cases)-1]
			ts := mixtureTensor{name: f[1]}
			for d := range strings.SplitSeq(f[2], ",") {
				n, err := strconv.ParseInt(d, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				ts.shape = append(ts.shape, n)
			}
			if ts.src, err = tensor.ParseType(f[3]); err != nil {
				t.Fatal(err)
			}
			switch {
			case len(f) == 5:
				ts.layers = parseRanges(t, strings.TrimPrefix(f[4], "layers="))
			case !strings.Contains(f[1], "*"):
				ts.layers = []int{-1}
			default:
				for layer := range c.model.Layers {
					ts.layers = append(ts.layers, layer)
				}
			}
			c.tensors = append(c.tensors, ts)
		default:
			c := &cases[len(cases)-1]
			c.want = append(c.want, strings.TrimSpace(line))
		}
	}
	if len(cases) == 0 {
		t.Fatal("testdata/mixture.txt is empty")
	}
	return cases
}
