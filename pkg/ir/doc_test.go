package ir

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/ir.md has a section for every op, with every heading, numbered
// constraints that cite rules of the verifier, and an example that holds.
func TestDocument(t *testing.T) {
	data, err := os.ReadFile("../../docs/ir.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	sections := map[string]string{}
	for _, s := range strings.Split(doc, "\n### ")[1:] {
		name, body, _ := strings.Cut(s, "\n")
		if i := strings.Index(body, "\n## "); i >= 0 {
			body = body[:i]
		}
		sections[name] = body
	}
	numbered := regexp.MustCompile(`(?m)^- \(C(\d+)\) `)
	for _, op := range Ops() {
		body, ok := sections[string(op.Name)]
		if !ok {
			t.Errorf("no section for %s", op.Name)
			continue
		}
		for _, heading := range []string{"**Semantics.**", "**Inputs.**", "**Outputs.**", "**Constraints.**", "**Example.**"} {
			if !strings.Contains(body, heading) {
				t.Errorf("%s has no %s", op.Name, heading)
			}
		}
		for i, m := range numbered.FindAllStringSubmatch(body, -1) {
			if m[1] != string(rune('1'+i)) {
				t.Errorf("%s: constraint %d is numbered %s", op.Name, i+1, m[1])
			}
		}
		for _, a := range op.Attrs {
			if !strings.Contains(body, a.Key) {
				t.Errorf("%s: attribute %s is not mentioned", op.Name, a.Key)
			}
		}
		if op.Fused() != strings.Contains(body, "Expands to ") {
			t.Errorf("%s: fused %v, the section says otherwise", op.Name, op.Fused())
		}
	}
	known := []string{}
	for _, r := range Rules {
		known = append(known, r.ID)
		if !strings.Contains(doc, "- **"+r.ID+"** "+r.Text+"\n") {
			t.Errorf("rule %s is not stated as the verifier states it", r.ID)
		}
	}
	for _, m := range regexp.MustCompile(`\((V\d+)\)`).FindAllStringSubmatch(doc, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("rule %s is cited and does not exist", m[1])
		}
	}
	examples := strings.Split(doc, "```ir\n")[1:]
	if len(examples) < len(Ops()) {
		t.Errorf("%d examples", len(examples))
	}
	for _, e := range examples {
		text, _, _ := strings.Cut(e, "```")
		g, err := Parse(text)
		if err != nil {
			t.Errorf("example: %v in\n%s", err, text)
			continue
		}
		if err := Verify(g); err != nil {
			t.Errorf("example: %v in\n%s", err, text)
		}
		if Format(g) != text {
			t.Errorf("an example is not as Format prints it: %s", diff(text, Format(g)))
		}
		if Lookup(OpName(g.Name)) != nil && !slices.ContainsFunc(g.Nodes, func(n *Node) bool { return n.Op == OpName(g.Name) }) {
			t.Errorf("the example of %s has no such node", g.Name)
		}
	}
}
