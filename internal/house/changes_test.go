package house

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// made says how a file behind the tag fakerows shows that it is a row of a kind.
var made = map[string]*regexp.Regexp{
	"a weight type": regexp.MustCompile(`\bFakeLUT\b`),
	"an op":         regexp.MustCompile(`\bOpFake\b`),
	"a cache codec": regexp.MustCompile(`&Codec\{`),
	"a family":      regexp.MustCompile(`\bfamilies = `),
	"a target":      regexp.MustCompile(`\bRowsBackend\b|\bRows = &Target\b`),
}

// changes reads the table "Where to change what": what is added, in how many files of
// code, and where.
func changes(t *testing.T) map[string][2]string {
	t.Helper()
	_, text, ok := strings.Cut(string(read(t, "docs/ARCHITECTURE.md")), "\n## Where to change what\n")
	if !ok {
		t.Fatal("docs/ARCHITECTURE.md does not say where to change what")
	}
	rows := map[string][2]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| (\d*) \| (.*) \|$`).FindAllStringSubmatch(text, -1) {
		rows[m[1]] = [2]string{m[2], m[3]}
	}
	return rows
}

// What docs/ARCHITECTURE.md says of a kind is what the made-up row of the kind needs
// (make test-fakerows builds and runs it): as many files, in the packages it names.
func TestWhereToChange(t *testing.T) {
	rows := changes(t)
	used := map[string]bool{}
	for kind, mark := range made {
		var packages []string
		for _, f := range files(t) {
			if !strings.Contains(path.Base(f), "fakerows") || strings.HasSuffix(f, "_test.go") || !mark.Match(read(t, f)) {
				continue
			}
			used[f] = true
			packages = append(packages, path.Dir(f))
		}
		row, ok := rows[kind]
		if !ok {
			t.Errorf("docs/ARCHITECTURE.md does not say where to add %s", kind)
			continue
		}
		if row[0] != strconv.Itoa(len(packages)) {
			t.Errorf("%s: docs/ARCHITECTURE.md says %s files, the made-up one needs %d: %s", kind, row[0], len(packages), strings.Join(packages, ", "))
		}
		for _, p := range packages {
			if !strings.Contains(row[1], "`"+p+"`") && !strings.Contains(row[1], "`"+p+"/") {
				t.Errorf("%s: docs/ARCHITECTURE.md does not name %s, which the made-up one needs", kind, p)
			}
		}
		t.Logf("%s: %s", kind, strings.Join(packages, ", "))
	}
	for _, f := range files(t) {
		if strings.Contains(path.Base(f), "fakerows") && strings.HasSuffix(f, ".go") && !strings.HasSuffix(f, "_test.go") && !used[f] {
			t.Errorf("%s is a made-up row of no kind", f)
		}
	}
}

// A pass is a row of the table, a file, cases and planted bugs; a command a file, a line
// and its help among the transcripts.
func TestPassesAndCommands(t *testing.T) {
	rows := changes(t)
	for kind, want := range map[string]string{"a pass": "2", "a command": "2"} {
		if rows[kind][0] != want {
			t.Errorf("%s: docs/ARCHITECTURE.md says %q files, want %s", kind, rows[kind][0], want)
		}
	}
	all := files(t)
	has := func(f string) bool { return slices.Contains(all, f) }
	mutations := string(read(t, "pkg/verify/mutation_test.go"))
	passes := regexp.MustCompile(`(?m)^\t\{Name: "([a-z-]+)"`).FindAllStringSubmatch(string(read(t, "pkg/passes/pipeline.go")), -1)
	if len(passes) < 12 {
		t.Errorf("only %d passes found", len(passes))
	}
	for _, m := range passes {
		if f := "pkg/passes/" + strings.ReplaceAll(m[1], "-", "_") + ".go"; !has(f) {
			t.Errorf("pass %s: no file %s", m[1], f)
		}
		cases, err := filepath.Glob(filepath.Join(testutil.Root(), "pkg/passes/testdata", m[1], "*.txt"))
		if err != nil || len(cases) == 0 {
			t.Errorf("pass %s has no cases in testdata (%v)", m[1], err)
		}
		if !strings.Contains(mutations, fmt.Sprintf("{%q, ", m[1])) {
			t.Errorf("pass %s: no bug is planted in pkg/verify", m[1])
		}
	}
	main := string(read(t, "cmd/convert/main.go"))
	commands := regexp.MustCompile(`(\w+)Command\(\)`).FindAllStringSubmatch(main, -1)
	if len(commands) < 13 {
		t.Errorf("only %d commands found", len(commands))
	}
	for _, m := range commands {
		name := strings.ToLower(m[1])
		if f := "cmd/convert/" + name + ".go"; !has(f) || !strings.Contains(string(read(t, f)), "func "+m[1]+"Command()") {
			t.Errorf("command %s is not in %s", m[1], f)
		}
		if !helpOf(t, name) {
			t.Errorf("command %s: its help is no transcript", m[1])
		}
	}
}

// helpOf reports whether the help of a command is among the transcripts.
func helpOf(t *testing.T, command string) bool {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(testutil.Root(), "testdata/transcripts/*-help-*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(list, func(p string) bool {
		_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(p), ".txt"), "-help-")
		return strings.ReplaceAll(name, "-", "") == command
	})
	return found
}

// The rooms of docs/ARCHITECTURE.md are the layers, from the ground up.
func TestRoomsAreLayers(t *testing.T) {
	_, text, ok := strings.Cut(string(read(t, "docs/ARCHITECTURE.md")), "\n| leaf helpers | ")
	if !ok {
		t.Fatal("docs/ARCHITECTURE.md has no table of rooms")
	}
	rows := strings.Split(text, "\n")[1:]
	for i, layer := range append(slices.Clone(layers), asides) {
		var named []string
		for j, part := range strings.Split(rows[i], "`") {
			if j%2 == 1 {
				if part == "tessera" { // at the top of the module
					part = root
				}
				named = append(named, part)
			}
		}
		want := slices.Sorted(slices.Values(layer))
		slices.Sort(named)
		if !slices.Equal(named, want) {
			t.Errorf("docs/ARCHITECTURE.md has the room %v, the layer is %v", named, want)
		}
	}
}

// docs/rationale.md says of every module of others why it is there.
func TestDependenciesHaveReasons(t *testing.T) {
	_, text, _ := strings.Cut(string(read(t, "docs/rationale.md")), "\n## Dependencies\n")
	listed := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		if first, ok := strings.CutPrefix(line, "| "); ok && strings.Contains(first, ".") {
			modules, _, _ := strings.Cut(first, " |")
			for _, m := range strings.Split(modules, ", ") {
				listed[m] = true
			}
		}
	}
	for m := range outside {
		if !listed[m] {
			t.Errorf("docs/rationale.md does not say why %s is there", m)
		}
	}
	for m := range listed {
		if outside[m] == nil {
			t.Errorf("docs/rationale.md has a reason for %s, which nobody may import", m)
		}
	}
}
