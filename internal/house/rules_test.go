package house

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// maxLines bounds a file that people read; more needs a reason.
const maxLines = 800

func generated(file string) bool {
	base := path.Base(file)
	return strings.HasPrefix(base, "gen_") || strings.HasSuffix(base, ".pb.go")
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testutil.Root(), file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFilesAreSmall(t *testing.T) {
	for _, f := range files(t) {
		if !strings.HasSuffix(f, ".go") && !strings.HasSuffix(f, ".s") || generated(f) {
			continue
		}
		if n := bytes.Count(read(t, f), []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, at most %d", f, n, maxLines)
		}
	}
}

// A package is a noun that says what is inside.
func TestPackageNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "lib"}
	for pkg := range imports(t) {
		if slices.Contains(vague, path.Base(pkg)) {
			t.Errorf("package %s: name it for what it holds", pkg)
		}
	}
}

// Every package says what it is for.
func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		if !strings.HasSuffix(f, ".go") || strings.HasSuffix(f, "_test.go") {
			continue
		}
		ast, err := parser.ParseFile(token.NewFileSet(), filepath.Join(testutil.Root(), f), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if ast.Doc != nil || generated(f) && strings.HasSuffix(f, ".pb.go") {
			documented[path.Dir(f)] = true
		}
	}
	for pkg := range imports(t) {
		if !documented[pkg] {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// Text that must not be committed: paths of one machine, registries, notes to
// oneself.
func TestForbiddenText(t *testing.T) {
	forbidden := []string{
		"/wo" + "rk/", "proxy." + "golang.org", "pypi." + "org", "files." + "pythonhosted", "registry." + "npmjs",
		"// TO" + "DO", "// FIX" + "ME", "# TO" + "DO", "// X" + "XX",
	}
	for _, f := range withTestdata(t) {
		switch path.Ext(f) {
		case ".go", ".s", ".md", ".py", ".proto", ".mod", ".sh", "":
		default:
			continue
		}
		data := read(t, f)
		if len(data) > 1<<20 {
			continue
		}
		for _, s := range forbidden {
			if bytes.Contains(data, []byte(s)) {
				t.Errorf("%s contains %q", f, s)
			}
		}
	}
}

// docs/ARCHITECTURE.md names every package, and what it names exists.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	doc := string(read(t, "docs/ARCHITECTURE.md"))
	for pkg := range imports(t) {
		name := "`" + pkg + "`"
		if pkg == root {
			name = "`tessera`"
		}
		if !strings.Contains(doc, name) && !strings.Contains(pkg, "/internal/") && !strings.HasPrefix(pkg, "internal/hostile/") {
			t.Errorf("docs/ARCHITECTURE.md does not mention %s", name)
		}
	}
	for i, part := range strings.Split(doc, "`") {
		first, _, _ := strings.Cut(part, "/")
		if i%2 == 0 || strings.ContainsAny(part, " *") || !slices.Contains([]string{"cmd", "pkg", "internal", "runtime", "testdata"}, first) || strings.Contains(part, "PASS") {
			continue
		}
		if part == "testdata/models" || strings.HasPrefix(part, "runtime.") || strings.HasPrefix(part, "testdata/") {
			continue
		}
		if _, err := os.Stat(filepath.Join(testutil.Root(), part)); err != nil {
			t.Errorf("docs/ARCHITECTURE.md names %s, which does not exist", part)
		}
	}
	for _, line := range strings.Split(doc, "\n") {
		if strings.HasPrefix(line, "### ") && !strings.Contains(doc[strings.Index(doc, line):], "- code: ") {
			t.Errorf("%s has no code: line", line)
		}
	}
}
