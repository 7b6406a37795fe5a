package passes

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

var update = flag.Bool("update", false, "rewrite the expected halves of testdata")

// A pass test is one file, testdata/PASS/CASE.txt: a graph, a line of dashes,
// the graph behind the pass and the report, or the error. Comment lines at the
// top hold options:
//
//	# cuts: embed layer.0
//	# target: bare
//
// To add a case, write the upper half and run go test -update.
func TestText(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	seen := map[string]int{}
	for _, file := range files {
		pass := filepath.Base(filepath.Dir(file))
		seen[pass]++
		t.Run(pass+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runText(t, pass, file) })
	}
	for _, p := range Table() {
		if seen[p.Name] < 2 {
			t.Errorf("pass %s has %d cases, want one that fires and one that does not", p.Name, seen[p.Name])
		}
	}
}

func runText(t *testing.T, pass, file string) {
	p, err := PassNamed(pass)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in, want, _ := strings.Cut(string(data), "----\n")
	g, err := ir.Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.Verify(g); err != nil {
		t.Fatal("the input: ", err)
	}
	before := ir.Format(g)
	got := ""
	out, rep, err := Apply(p, g, textOptions(t, in))
	if err != nil {
		got = "error: " + err.Error() + "\n"
	} else {
		got = ir.Format(out) + "report: " + rep.String() + "\n"
	}
	if ir.Format(g) != before {
		t.Error("the pass changed its input")
	}
	if *update {
		if err := os.WriteFile(file, []byte(in+"----\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func textOptions(t *testing.T, text string) Options {
	o := Options{Target: target.CPU}
	for line := range strings.Lines(text) {
		key, val, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "#")), ": ")
		if !strings.HasPrefix(line, "#") || !ok {
			continue
		}
		switch key {
		case "cuts":
			o.Cuts = strings.Fields(val)
		case "target":
			if val != "bare" {
				t.Fatalf("unknown target %q", val)
			}
			o.Target = bare
		}
	}
	return o
}

// bare is a target that can do little: no fused op, no c4, no gather from
// panels.
var bare = &target.Target{
	Name:    "bare",
	Matmuls: []target.MatmulRow{{Weight: tensor.F32, KMod: 1}, {Weight: tensor.Q8_0, Form: ir.P16, KMod: 1}},
	Gathers: map[tensor.Type][]ir.Form{tensor.F32: {ir.Rows}, tensor.Q8_0: {ir.Rows}},
}
