package house

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// unit is one package of the main module, type-checked for one platform. What
// it uses of other modules and of the standard library is left open: who reads
// a unit asks about our own declarations only.
type unit struct {
	dir   string // "pkg/model"
	pkg   *types.Package
	files map[string]*ast.File // by path from the root
	info  *types.Info
}

// loader type-checks packages from source.
type loader struct {
	t     *testing.T
	ctx   build.Context
	fset  *token.FileSet
	units map[string]*unit
}

// loadAll type-checks every package for a platform, tests excluded.
func loadAll(t *testing.T, goos, goarch string, tags ...string) map[string]*unit {
	t.Helper()
	l := &loader{t: t, ctx: build.Default, fset: token.NewFileSet(), units: map[string]*unit{}}
	l.ctx.GOOS, l.ctx.GOARCH, l.ctx.CgoEnabled, l.ctx.BuildTags = goos, goarch, false, tags
	for pkg := range imports(t) {
		l.load(pkg)
	}
	return l.units
}

// Import implements types.Importer.
func (l *loader) Import(name string) (*types.Package, error) {
	if name == "unsafe" {
		return types.Unsafe, nil
	}
	if dir, here := ours(name); here {
		return l.load(dir).pkg, nil
	}
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p, nil
}

func (l *loader) load(dir string) *unit {
	if u := l.units[dir]; u != nil {
		return u
	}
	u := &unit{dir: dir, files: map[string]*ast.File{}, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
	l.units[dir] = u
	full := filepath.Join(testutil.Root(), filepath.FromSlash(dir))
	entries, err := os.ReadDir(full)
	if err != nil {
		l.t.Fatal(err)
	}
	var files []*ast.File
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if ok, err := l.ctx.MatchFile(full, name); err != nil || !ok {
			continue
		}
		f, err := parser.ParseFile(l.fset, filepath.Join(full, name), nil, parser.SkipObjectResolution)
		if err != nil {
			l.t.Fatal(err)
		}
		u.files[path.Join(dir, name)] = f
		files = append(files, f)
	}
	conf := types.Config{Importer: l, Error: func(error) {}} // what others declare is not known here
	u.pkg, _ = conf.Check(module+dir, l.fset, files, u.info)
	return u
}
