package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

const module = "github.com/tessera-llm/tessera/"

// root is the folder of the package at the top of the module, tessera.
const root = "."

// ours is the folder of a package of this module, by its import path.
func ours(imp string) (dir string, ok bool) {
	if imp+"/" == module {
		return root, true
	}
	return strings.CutPrefix(imp, module)
}

// layers lists every package from the ground up. A package imports only
// packages of lower layers, and internal/* leaf helpers, which stand below all.
var layers = [][]string{
	{"pkg/tensor"},
	{"pkg/gguf", "pkg/safetensors", "pkg/quant", "pkg/pack", "pkg/codec"},
	{"pkg/checkpoint", "pkg/ir", "runtime/cpu/kernel"},
	{"pkg/model", "pkg/weights", "pkg/target", "runtime/backend", "runtime/sampler"},
	{"pkg/passes", "pkg/format", "runtime/cpu", "runtime/reference", "pkg/statefile", "pkg/synth"},
	{"pkg/segment", "runtime", "runtime/backendtest"},
	{"pkg/convert", "pkg/verify", "pkg/bench", "pkg/perplexity", "pkg/dialog", "runtime/scheduler"},
	{"pkg/cache"},
	{root}, // tessera
	{"cmd/convert"},
}

// asides stand beside the layers: they import nothing of the house but their
// own parts and internal/*, and anybody may import them.
var asides = []string{"pkg/tokenizer", "pkg/chat", "pkg/format/tesserapb"}

// tools are test tools below internal/ that look at one package of pkg/.
var tools = map[string]string{
	"internal/hostile/bundles": "pkg/format/tesserapb",
	"internal/benchpeer":       "pkg/gguf",
}

// never lists what a package must not reach, not even through others.
var never = []struct {
	from string
	to   []string
	why  string
}{
	{"runtime", []string{"pkg/checkpoint", "pkg/gguf", "pkg/safetensors", "pkg/model", "pkg/convert"}, "a bundle or a Program is all the runtime knows"},
	{"pkg/ir", []string{"pkg/quant", "pkg/pack", "pkg/checkpoint"}, "the graph describes weights, it does not make them"},
	{"pkg/passes", []string{"pkg/weights", "pkg/quant", "pkg/model"}, "passes read headers and tables only"},
	{"pkg/format", []string{"pkg/model", "pkg/passes", "pkg/checkpoint", "pkg/gguf", "pkg/safetensors"}, "a bundle and its texts stand alone"},
	{"pkg/dialog", []string{"pkg/model", "pkg/passes", "pkg/checkpoint", "pkg/gguf", "runtime/cpu"}, "a server of bundles needs no more"},
}

// only lists the packages of the house that a package may import, internal/* aside: what
// stands lower is not for it.
var only = map[string][]string{
	// Opening and running.
	root: {"pkg/cache", "pkg/dialog", "pkg/format", "pkg/chat", "pkg/tokenizer", "pkg/statefile", "runtime", "runtime/scheduler", "runtime/backend", "runtime/cpu",
		"pkg/convert", "pkg/quant", "pkg/target", "pkg/ir"}, // in options and results
	// The jobs behind the subcommands, and what their flags and tables name. No package here
	// keeps a conversation, decodes a stream or takes reasoning apart: pkg/dialog does.
	"cmd/convert": {root, "pkg/bench", "pkg/cache", "pkg/convert", "pkg/dialog", "pkg/perplexity", "pkg/synth", "pkg/verify", "runtime", // the jobs
		"pkg/checkpoint", "pkg/format", "pkg/model", "pkg/weights", "pkg/safetensors", "pkg/tensor", // inspect, synth, run-segment
		"pkg/codec", "pkg/ir", "pkg/pack", "pkg/passes", "pkg/quant", "pkg/target", "runtime/backend", "runtime/cpu", "runtime/reference", "runtime/sampler", // flags
		"pkg/chat", "pkg/tokenizer"}, // --template-var, tokenize
}

// outside lists the modules of others and who may import them.
var outside = map[string][]string{
	"github.com/urfave/cli/v2":          {"cmd/convert"},
	"github.com/nlpodyssey/safetensors": {"pkg/safetensors"},
	"google.golang.org/protobuf":        {"pkg/format", "pkg/format/tesserapb", "internal/hostile/bundles"},
	"github.com/x448/float16":           {"pkg/quant"},
	"github.com/dlclark/regexp2":        {"pkg/tokenizer"},
	"golang.org/x/text":                 {"pkg/tokenizer", "internal/lineedit"},
	"golang.org/x/term":                 {"cmd/convert", "internal/progress", "internal/lineedit"},
	"golang.org/x/sys":                  {"internal", "pkg", "runtime", "cmd"},
}

// imports maps every package of the main module to what its files import,
// whatever their build tags; tests excluded.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(testutil.Root(), file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		pkg := path.Dir(file)
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(all[pkg], p) {
				all[pkg] = append(all[pkg], p)
			}
		}
		if all[pkg] == nil {
			all[pkg] = []string{}
		}
	}
	return all
}

// files lists the repository's files, slash-separated, without modules of their
// own, build outputs and test data.
func files(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(withTestdata(t), func(f string) bool { return strings.Contains("/"+f, "/testdata/") })
}

func withTestdata(t *testing.T) []string {
	t.Helper()
	all := everything(t)
	// Modules of their own are not part of this one.
	var mods []string
	for _, f := range all {
		if path.Base(f) == "go.mod" && f != "go.mod" {
			mods = append(mods, path.Dir(f)+"/")
		}
	}
	return slices.DeleteFunc(all, func(f string) bool {
		return slices.ContainsFunc(mods, func(m string) bool { return strings.HasPrefix(f, m) })
	})
}

// everything lists the repository's files, modules of their own among them.
func everything(t *testing.T) []string {
	t.Helper()
	var all []string
	root := testutil.Root()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			switch base := path.Base(rel); {
			case rel == ".":
				return nil
			case base[0] == '.' && base != ".ci", base == "models" && path.Dir(rel) == "testdata", rel == "bin", rel == "dist":
				return fs.SkipDir
			}
			return nil
		}
		all = append(all, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func layerOf(pkg string) int {
	for i, l := range layers {
		if slices.Contains(l, pkg) {
			return i
		}
	}
	return -1
}

// aside returns the aside that pkg is or belongs to, "" if none.
func aside(pkg string) string {
	for _, a := range asides {
		if pkg == a || strings.HasPrefix(pkg, a+"/") {
			return a
		}
	}
	return ""
}

func TestArrowsPointOneWay(t *testing.T) {
	all := imports(t)
	for pkg, list := range all {
		layer, beside := layerOf(pkg), aside(pkg)
		helper := strings.HasPrefix(pkg, "internal/")
		if layer < 0 && beside == "" && !helper {
			t.Errorf("package %s has no row in layers: add it where it belongs", pkg)
			continue
		}
		for _, imp := range list {
			dep, here := ours(imp)
			if !here || strings.HasPrefix(dep, "internal/") {
				continue
			}
			switch {
			case helper:
				if tools[pkg] != dep {
					t.Errorf("%s imports %s: internal packages are leaves", pkg, dep)
				}
			case beside != "":
				if aside(dep) != beside {
					t.Errorf("%s imports %s: it stands beside the house", pkg, dep)
				}
			case aside(dep) != "":
			case layerOf(dep) < 0 || layerOf(dep) >= layer:
				t.Errorf("%s (layer %d) imports %s (layer %d): arrows point down", pkg, layer, dep, layerOf(dep))
			}
		}
	}
	for _, l := range layers {
		for _, pkg := range l {
			if all[pkg] == nil {
				t.Errorf("layers lists %s, which does not exist", pkg)
			}
		}
	}
}

func TestNever(t *testing.T) {
	all := imports(t)
	for _, rule := range never {
		for pkg := range all {
			if pkg != rule.from && !strings.HasPrefix(pkg, rule.from+"/") {
				continue
			}
			for _, to := range rule.to {
				if p := route(all, pkg, to, map[string]bool{}); p != nil {
					t.Errorf("%s reaches %s (%s): %s", pkg, to, rule.why, strings.Join(p, " → "))
				}
			}
		}
	}
}

func TestOnly(t *testing.T) {
	all := imports(t)
	for pkg, list := range only {
		used := map[string]bool{}
		for _, imp := range all[pkg] {
			dep, here := ours(imp)
			if !here || strings.HasPrefix(dep, "internal/") {
				continue
			}
			used[dep] = true
			if !slices.Contains(list, dep) {
				t.Errorf("%s imports %s, which is not in its row of only: what needs that belongs below it", pkg, dep)
			}
		}
		for _, dep := range list {
			if !used[dep] {
				t.Errorf("only allows %s to import %s, which it does not", pkg, dep)
			}
		}
	}
}

// route finds a chain of imports.
func route(all map[string][]string, from, to string, seen map[string]bool) []string {
	if from == to {
		return []string{to}
	}
	if seen[from] {
		return nil
	}
	seen[from] = true
	for _, imp := range all[from] {
		if dep, here := ours(imp); here {
			if p := route(all, dep, to, seen); p != nil {
				return append([]string{from}, p...)
			}
		}
	}
	return nil
}

func TestOutside(t *testing.T) {
	used := map[string]bool{}
	for pkg, list := range imports(t) {
		for _, imp := range list {
			first, _, _ := strings.Cut(imp, "/")
			if _, here := ours(imp); here || !strings.Contains(first, ".") && imp != "C" {
				continue
			}
			ok := false
			for mod, users := range outside {
				if imp != mod && !strings.HasPrefix(imp, mod+"/") {
					continue
				}
				used[mod] = true
				ok = slices.ContainsFunc(users, func(u string) bool { return pkg == u || strings.HasPrefix(pkg, u+"/") })
			}
			if !ok {
				t.Errorf("%s imports %s, which it may not", pkg, imp)
			}
		}
	}
	for mod := range outside {
		if !used[mod] {
			t.Errorf("outside lists %s, which nobody imports", mod)
		}
	}
}
