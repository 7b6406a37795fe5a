package ir

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// Every row of the op table is complete and used by testdata/ops.ir.
func TestOpTable(t *testing.T) {
	g := parse(t, opsText(t))
	used := map[OpName]*Node{}
	for _, n := range g.Nodes {
		used[n.Op] = n
	}
	seen := map[OpName]bool{}
	for _, op := range Ops() {
		if op.Name == "" || op.Doc == "" || op.Shape == nil || seen[op.Name] {
			t.Errorf("op %q has an incomplete row or stands twice", op.Name)
		}
		seen[op.Name] = true
		if Lookup(op.Name) != op {
			t.Errorf("Lookup(%s) finds another row", op.Name)
		}
		if op.In < -1 || op.In == 0 || op.In > 32 || op.States > 1 {
			t.Errorf("%s: %d inputs, %d states", op.Name, op.In, op.States)
		}
		n := used[op.Name]
		if n == nil {
			t.Errorf("testdata/ops.ir has no %s", op.Name)
			continue
		}
		if outs := len(n.Out); op.C4In>>len(n.In) != 0 || op.Name != "matmul_group" && op.C4Out>>outs != 0 {
			t.Errorf("%s: layout bits beyond its operands", op.Name)
		}
		if op.RowWise && op.States > 0 {
			t.Errorf("%s keeps a state and claims to be row-wise", op.Name)
		}
	}
	if Lookup("") != nil || Lookup("conv") != nil {
		t.Error("unknown ops are found")
	}
}

// fusedOps is what the definitions of fused ops are made of: simple ops only.
func TestUnfusedIsSimple(t *testing.T) {
	for _, op := range Ops() {
		if !op.Fused() {
			continue
		}
		g := parse(t, opsText(t))
		var was []string
		if err := Expand(g, func(n *Node) bool {
			if n.Op == op.Name {
				was = append(was, string(n.Op))
			}
			return n.Op == op.Name
		}); err != nil {
			t.Fatalf("%s: %v", op.Name, err)
		}
		if len(was) == 0 {
			t.Errorf("%s: nothing to expand", op.Name)
		}
		if err := Verify(g); err != nil {
			t.Errorf("%s: %v", op.Name, err)
		}
		for _, n := range g.Nodes {
			if n.Op == op.Name {
				t.Errorf("%s is defined by itself", op.Name)
			}
		}
	}
}

// Optional operands: the arity of every op is exact.
func TestArity(t *testing.T) {
	g := parse(t, opsText(t))
	for _, n := range g.Nodes {
		op := Lookup(n.Op)
		more, fewer := n.clone(), n.clone()
		more.In, fewer.In = append(more.In, 0), fewer.In[:len(fewer.In)-1]
		for _, bad := range []*Node{more, fewer} {
			if _, err := g.Infer(bad); err == nil {
				t.Errorf("%s with %d inputs is accepted", n.Op, len(bad.In))
			}
		}
		if op.Weights >= 0 {
			bad := n.clone()
			for len(bad.Weights) <= max(op.Weights, op.MaxWeights) {
				bad.Weights = append(bad.Weights, g.Weights[0].Name)
			}
			if _, err := g.Infer(bad); err == nil {
				t.Errorf("%s with %d weights is accepted", n.Op, len(bad.Weights))
			}
		}
		for _, a := range op.Attrs {
			if a.Optional {
				continue
			}
			bad := n.clone()
			bad.Attrs = slices.DeleteFunc(bad.Attrs, func(x Attr) bool { return x.Key == a.Key })
			if _, err := g.Infer(bad); err == nil || !strings.Contains(err.Error(), a.Key) {
				t.Errorf("%s without %s: %v", n.Op, a.Key, err)
			}
		}
	}
}

// ladder is a graph of n norms and matmuls in a row, each with weights of its
// own, as many as a model of n/8 layers has.
func ladder(n int) string {
	var b strings.Builder
	b.WriteString("graph ladder\ninput %0 x f32[S,32]\n")
	for i := range n {
		fmt.Fprintf(&b, "weight @w.%d f32[32,32] = tensor(w.%d, f32[32,32])\n", i, i)
	}
	for i := range n {
		fmt.Fprintf(&b, "%%%d y.%d f32[S,32] = matmul(%%%d, @w.%d)\n", i+1, i, i, i)
	}
	fmt.Fprintf(&b, "output %%%d\n", n)
	return b.String()
}

// TestVerifyIsLinear: Parse and Verify of eight times the graph execute eight
// times the statements, per byte of text as many; where they search a list for
// every node it is eight times as many.
func TestVerifyIsLinear(t *testing.T) {
	work := testutil.Work(t, "TestParseAndVerify")
	perByte := func(n int) float64 {
		text := ladder(n)
		return float64(work(text)) / float64(len(text))
	}
	if a, b := perByte(2000), perByte(16000); b > 1.2*a {
		t.Errorf("per byte, 2000 nodes take %.1f statements, 16000 take %.1f", a, b)
	}
}

// TestParseAndVerify is what TestVerifyIsLinear counts.
func TestParseAndVerify(t *testing.T) {
	g, err := Parse(testutil.WorkInput(t))
	if err == nil {
		err = Verify(g)
	}
	if err != nil {
		t.Fatal(err)
	}
}
