package house

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A fact is one row. Whoever compares with the constant of a row, switches on
// it or keys a map, an array or a list by it knows a fact that its row should
// hold: such a place, a function or variable, is outside the table. The row
// with the most places must not have more than the limit of its kind.

// kind is a kind of row.
type kind struct {
	name string
	// A constant of the kind has this type...
	pkg, typ string
	// ...or is a string with one of these values, where rows go by name.
	names []string
	// table lists the places that law 7 names for the kind: prefixes of path and
	// declaration, and why.
	table map[string]string
	// limit is the most places that any one row may have. It only goes down,
	// to 6 at last.
	limit int
	// reasons lists every place that is allowed, and why the row cannot say
	// what it knows; nil while the limit is on its way down.
	reasons map[string]string
}

func kinds(t *testing.T, units map[string]*unit) []kind {
	return []kind{
		{name: "weight type", pkg: "pkg/tensor", typ: "Type", limit: 18, table: map[string]string{
			"pkg/tensor/":       "names and block geometry",
			"pkg/quant/":        "block formats, roles and recipes",
			"pkg/pack/":         "the row of each packed type",
			"pkg/gguf/types.go": "numbers of the types in files",
			"pkg/safetensors/":  "names of the types in files",
		}},
		{name: "op", pkg: "pkg/ir", typ: "OpName", limit: 6, table: map[string]string{
			"pkg/ir/": "rows, traits and shape rules",
			"runtime/reference/eval.go executable.eval": "the reference case of each simple op",
			"runtime/cpu/ops.go compilers":              "the kernel of each op",
			"runtime/backendtest/":                      "the conformance case of each op",
		}},
		{name: "codec", names: []string{"f32", "f16", "q8_0"}, limit: 2, table: map[string]string{
			"pkg/tensor/": "names of the types",
			"pkg/quant/":  "names of the recipes",
		}},
		{name: "family", names: familyNames(t, units["pkg/model"]), limit: 3, table: map[string]string{
			"pkg/model/": "one file per family",
		}, reasons: map[string]string{
			"pkg/quant/mixture.go Is70B":         "a rule of llama-quantize that names architectures, bit-exact",
			"pkg/tokenizer/gguf.go fromGGUF":     "tokenizer.ggml.model: llama names SentencePiece",
			"pkg/tokenizer/gguf.go ggufSpecials": "tokenizer.ggml.model: llama names SentencePiece",
			"pkg/tokenizer/scanners.go scanners": "tokenizer.ggml.pre: qwen2 names a split pattern",
		}},
	}
}

// familyNames reads the names of the rows of pkg/model.
func familyNames(t *testing.T, u *unit) []string {
	t.Helper()
	var names []string
	for _, f := range u.files {
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || !isNamed(u.info.TypeOf(lit), "pkg/model", "family") {
				return true
			}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "name" {
					names = append(names, constant.StringVal(u.info.Types[kv.Value].Value))
				}
			}
			return true
		})
	}
	if len(names) < 4 {
		t.Fatalf("families found in pkg/model: %q", names)
	}
	return names
}

func isNamed(t types.Type, pkg, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == module+pkg
}

// site is one place where a row is met: the row, and file and declaration.
type site struct{ row, place string }

// meets finds the rows of k that code outside its table meets.
func (k *kind) meets(u *unit) (sites []site) {
	for file, f := range u.files {
		if generated(file) {
			continue
		}
		for _, d := range f.Decls {
			place := file + " " + declName(d)
			if slices.ContainsFunc(slices.Collect(maps.Keys(k.table)), func(p string) bool { return strings.HasPrefix(place, p) }) {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				for _, e := range compared(u, n, k) {
					if row := k.row(u, e); row != "" {
						sites = append(sites, site{row, place})
					}
				}
				return true
			})
		}
	}
	return sites
}

// compared lists the expressions that n compares something with.
func compared(u *unit, n ast.Node, k *kind) []ast.Expr {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			return []ast.Expr{n.X, n.Y}
		}
	case *ast.CaseClause:
		return n.List
	case *ast.IndexExpr:
		return []ast.Expr{n.Index}
	case *ast.CompositeLit:
		var all []ast.Expr
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if _, isStruct := under(u.info.TypeOf(n)).(*types.Struct); !isStruct {
					all = append(all, kv.Key)
				}
				continue
			}
			if elem := elemOf(u.info.TypeOf(n)); elem != nil && k.typ != "" && isNamed(elem, k.pkg, k.typ) {
				all = append(all, e)
			}
		}
		return all
	}
	return nil
}

func under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

// elemOf is the element type of a list, nil for other types.
func elemOf(t types.Type) types.Type {
	switch t := under(t).(type) {
	case *types.Slice:
		return t.Elem()
	case *types.Array:
		return t.Elem()
	}
	return nil
}

// row is the row of k whose constant e is, "" if it is none.
func (k *kind) row(u *unit, e ast.Expr) string {
	v := u.info.Types[e]
	if v.Value == nil {
		return ""
	}
	if k.typ == "" {
		if b, ok := v.Type.(*types.Basic); ok && b.Info()&types.IsString != 0 && slices.Contains(k.names, constant.StringVal(v.Value)) {
			return constant.StringVal(v.Value)
		}
		return ""
	}
	if !isNamed(v.Type, k.pkg, k.typ) {
		return ""
	}
	scope := types.Unalias(v.Type).(*types.Named).Obj().Pkg().Scope()
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(c.Type(), v.Type) && constant.Compare(c.Val(), token.EQL, v.Value) {
			if name == "Invalid" {
				return "" // the zero value is no row
			}
			return name
		}
	}
	return ""
}

func declName(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			return receiver(d.Recv.List[0].Type) + "." + d.Name.Name
		}
		return d.Name.Name
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if v, ok := s.(*ast.ValueSpec); ok {
				return v.Names[0].Name
			}
		}
	}
	return "?"
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// TestAFactIsOneRow holds law 7 by counting: the places outside the table of
// every row of a kind. amd64 and arm64 are looked at, and with them the files
// of two systems.
func TestAFactIsOneRow(t *testing.T) {
	platforms := []map[string]*unit{loadAll(t, "linux", "amd64"), loadAll(t, "darwin", "arm64")}
	for _, k := range kinds(t, platforms[0]) {
		places := map[string][]string{} // by row
		for _, units := range platforms {
			for _, u := range units {
				for _, s := range k.meets(u) {
					if !slices.Contains(places[s.row], s.place) {
						places[s.row] = append(places[s.row], s.place)
					}
				}
			}
		}
		k.judge(t, places)
	}
}

// judge holds the places of each row against the kind's limit and reasons.
func (k *kind) judge(t *testing.T, places map[string][]string) {
	most := 0
	for _, row := range slices.Sorted(maps.Keys(places)) {
		at := places[row]
		most = max(most, len(at))
		if len(at) > k.limit {
			t.Errorf("%s %s is met in %d places outside its table, at most %d: let its row say what these know:\n\t%s",
				k.name, row, len(at), k.limit, strings.Join(slices.Sorted(slices.Values(at)), "\n\t"))
		}
		for _, p := range at {
			if k.reasons != nil && k.reasons[p] == "" {
				t.Errorf("%s %s is met in %s: let its row say it, or give the reason in rows_test.go", k.name, row, p)
			}
		}
	}
	for p := range k.reasons {
		if !slices.ContainsFunc(slices.Collect(maps.Values(places)), func(at []string) bool { return slices.Contains(at, p) }) {
			t.Errorf("%s: reasons lists %s, where no row is met", k.name, p)
		}
	}
	t.Logf("%s: at most %d places outside the table for any of %d rows, limit %d", k.name, most, len(places), k.limit)
}

// TestMeets: what counts as meeting a row, and what does not.
func TestMeets(t *testing.T) {
	const text = `package x
type Type uint8
const ( Invalid Type = iota; A; B; C )
type row struct { t Type; name string }
func compare(t Type) bool { return t == A || B != t }
func sw(t Type) { switch t { case A, C: } }
var keyed = map[Type]int{A: 1}
var array = [...]int{B: 1}
var list = []Type{A, C}
func index(m map[Type]int) int { return m[B] }
func byName(s string) bool { return s == "alpha" }
func fine(t Type) (row, Type) { use(A); return row{t: A, name: "alpha"}, B }
func zero(t Type) bool { return t == Invalid }
func use(Type) {}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "pkg/x/x.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	u := &unit{dir: "pkg/x", files: map[string]*ast.File{"pkg/x/x.go": f}, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
	if u.pkg, err = new(types.Config).Check(module+"pkg/x", fset, []*ast.File{f}, u.info); err != nil {
		t.Fatal(err)
	}
	find := func(k kind) string {
		var all []string
		for _, s := range k.meets(u) {
			all = append(all, strings.TrimPrefix(s.place, "pkg/x/x.go ")+":"+s.row)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	const want = "array:B compare:A compare:B index:B keyed:A list:A list:C sw:A sw:C"
	if got := find(kind{pkg: "pkg/x", typ: "Type"}); got != want {
		t.Errorf("met: %s\nwant %s", got, want)
	}
	if got := find(kind{names: []string{"alpha"}}); got != "byName:alpha" {
		t.Errorf("met by name: %s", got)
	}
	if got := find(kind{pkg: "pkg/x", typ: "Type", table: map[string]string{"pkg/x/": "the table"}}); got != "" {
		t.Errorf("met in its own table: %s", got)
	}
}
