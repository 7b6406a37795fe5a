package ir

import (
	"os"
	"strings"
	"testing"
)

// opsText is testdata/ops.ir: every op of the table.
func opsText(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/ops.ir")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parse is Parse and Verify, fatal.
func parse(t testing.TB, text string) *Graph {
	t.Helper()
	g, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(g); err != nil {
		t.Fatal(err)
	}
	return g
}

// statements drops comments and blank lines.
func statements(text string) string {
	var keep []string
	for _, l := range strings.Split(text, "\n") {
		if l != "" && l[0] != '#' {
			keep = append(keep, l)
		}
	}
	return strings.Join(keep, "\n") + "\n"
}

func TestFormatIsInverseOfParse(t *testing.T) {
	text := statements(opsText(t))
	g := parse(t, text)
	if got := Format(g); got != text {
		t.Errorf("Format(Parse(ops.ir)):\n%s", diff(text, got))
	}
}

// diff shows the first line that differs.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return "want " + a + "\ngot  " + b
		}
	}
	return ""
}

// Text that must be refused, with a part of the reason.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"grape x", `unknown statement "grape"`},
		{"graph x y", `"y" behind the end`},
		{"graph", "want a name"},
		{`graph "open`, "invalid syntax"},
		{"input %0 x f33[S]", `unknown element type "f33"`},
		{"input %0 x f32[Q]", `bad dimension "Q"`},
		{"input %0 x f32[-5]", `bad dimension "-5"`},
		{"input %0 x f32[S", "want \",\""},
		{"input %0 x f32[S] c5", `unknown property "c5"`},
		{"input %0 x f32[S]\ninput %0 y f32[S]", "line 2: value %0 declared twice"},
		{"input %99999999 x f32[S]", "bad value number"},
		{"input %-1 x f32[S]", "bad value number"},
		{"output 3", `want "%"`},
		{"state $kv heads=x", "invalid syntax"},
		{"state $kv legs=2", `unknown property "legs"`},
		{"state kv", `want "$"`},
		{"weight @w q9_9[2] = tensor(w, f32[2])", "q9_9"},
		{"weight @w f32[2] = tensor(w, f32[3])", "stated as f32[2], its expression yields f32[3]"},
		{"weight @w f32[2] = tensor(w, f32[-2])", "negative dimension"},
		{"weight @w f32[2] = tensor(w, f32[1,1,1,1,1,1,1,1,1])", "9 dimensions"},
		{"weight @w f32[2] = mystery(tensor(w, f32[2]), f32)", `unknown expression "mystery"`},
		{"weight @w f32[2] = pack(tensor(w, f32[2]), p16)", "pack of shape"},
		{"weight @w f32[2] = pack(tensor(w, f32[2]), p32)", `unknown packing form "p32"`},
		{"weight @w f32[2] = const(zz, 1)", "invalid syntax"},
		{"weight @w f32[2] = concat()", "want a name"},
		{"weight @w f32[2] = slice(tensor(w, f32[2]), 0, 3)", "rows [0, 3) of a weight with 2 rows"},
		{"state $kv.0 heads=1 k=4 v=4 heads=2", "state kv.0 has heads twice"},
		{"weight @w f32[2] = tensor(w, f32[2])\nweight @w f32[2] = tensor(v, f32[2])", `"w" defined twice`},
		{"weight @w f32[2] = " + strings.Repeat("cast(", 50) + "tensor(w, f32[2])" + strings.Repeat(", f16)", 50), "nested deeper"},
		{"%0 y f32[S,2] add(%1)", `want "="`},
		{"%0 y f32[S,2] = add(#1)", "want an operand"},
		{"%0 y f32[S,2] = add(%1) {k=}", "want a name"},
		{"%0 y f32[S,2] = add(%1) {k=1.2.3}", "bad value"},
		{"%0 y f32[S,2] = add(%1) {k=[1,a]}", "invalid syntax"},
		{"%0 y f32[S,2] = add(%1) {k=99999999999999999999}", "column"},
	} {
		_, err := Parse(c.text)
		if c.want == "column" { // an integer beyond int64 reads as a float: legal grammar, the verifier refuses the kind
			if err != nil {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %q", c.text, err, c.want)
		}
	}
}

// Names of any bytes survive.
func TestNamesAreQuoted(t *testing.T) {
	g := NewGraph("a \"b\"\n%1")
	g.AddInput("x\ty", Type{Elem: F32, Shape: Shape{S, 4}})
	g.AddInput("ünï", Type{Elem: F32, Shape: Shape{S, 4}})
	g.AddInput("", Type{Elem: F32, Shape: Shape{S, 4}})
	out, err := g.Add(Node{Op: "add", In: []ValueID{0, 1}}, "\xff\x00")
	if err != nil {
		t.Fatal(err)
	}
	g.Value(out[0]).Mark = "m = 1, c4"
	g.Outputs = out
	text := Format(g)
	back, err := Parse(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if again := Format(back); again != text {
		t.Error(diff(text, again))
	}
	if back.Value(out[0]).Name != "\xff\x00" || back.Value(out[0]).Mark != "m = 1, c4" || back.Name != g.Name {
		t.Errorf("names changed: %q", text)
	}
}

// FuzzParse: hostile text never panics, and whatever parses prints and parses
// to the same text again; Verify may refuse it but must not panic.
func FuzzParse(f *testing.F) {
	f.Add(opsText(f))
	f.Add("weight @w q4_k[2,256] = quantize(unrotate(tensor(a b, f32[2,256]), 1), q4_k)")
	f.Add("weight @w f32[9] = concat(stored(x, f32[9223372036854775807], rows, [9223372036854775807,1]), tensor(y, f32[9]))")
	f.Add("input %7 x f32[4,S,4,A]:scheme c4 mark=\"\\x00\"\noutput %8\n%9 y f32[] = add(%7, %7, @a, $b) {a=[], b=\"\", c=NaN, d=-0.0, e=1e999}")
	f.Add("%0 a f32[S,4] = attention(%0, %0, %0, %0, $s) {heads=9223372036854775807, head_dim=-1}")
	f.Add("state $s heads=-1 k=9223372036854775807 v=9223372036854775807")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := Parse(text)
		if err != nil {
			return
		}
		once := Format(g)
		back, err := Parse(once)
		if err != nil {
			t.Fatalf("printed text does not parse: %v\n%s", err, once)
		}
		if again := Format(back); again != once {
			t.Fatalf("text changes: %s", diff(once, again))
		}
		if Verify(g) != nil {
			return
		}
		if Format(g.Clone()) != once {
			t.Fatal("a clone prints differently")
		}
		if err := Verify(g.Renumber()); err != nil {
			t.Fatalf("renumbered: %v", err)
		}
		c := g.Clone()
		if err := Expand(c, nil); err == nil {
			if err := Verify(c); err != nil {
				t.Fatalf("expanded: %v", err)
			}
		}
	})
}
