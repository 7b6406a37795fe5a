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
	// ...or is a string with one of these values, where rows go by name...
	names []string
	// ...or, where rows are variables, is one of these, by the name of its row. Every
	// use counts, not only comparisons.
	vars map[types.Object]string
	// table lists the places that law 7 names for the kind: prefixes of path and
	// declaration, and why.
	table map[string]string
	// reasons lists every place that is allowed, and why the row cannot say
	// what it knows.
	reasons map[string]string
}

// limit is the most places that any one row may have.
const limit = 6

func kinds(t *testing.T, units map[string]*unit) []kind {
	families, _ := rowNames(t, units["pkg/model"], "family", "name")
	codecs, codecVars := rowNames(t, units["pkg/codec"], "Codec", "Name")
	return []kind{
		{name: "weight type", pkg: "pkg/tensor", typ: "Type", table: map[string]string{
			"pkg/tensor/":          "names and block geometry",
			"pkg/quant/mixture.go": "the recipes of llama-quantize, bit-exact",
			"pkg/quant/codec.go":   "the block format of each type",
			"pkg/quant/recipe.go":  "names of the recipes of one type",
			"pkg/gguf/types.go":    "numbers of the types in files",
			"pkg/safetensors/":     "names of the types in files",
		}, reasons: map[string]string{
			"cmd/convert/arrays.go decodeArray":                "arrays of run are float32 and int32: these types become one of them without loss",
			"pkg/model/builder.go resolver.cache":              "a model all of f32 keeps its cache in f32 by default",
			"pkg/statefile/statefile.go Read":                  "a blob of a state file is bytes",
			"pkg/synth/hf.go dtypes":                           "torch's names of the types in config.json, which only made-up checkpoints write",
			"runtime/cpu/kernel/float_amd64.go scratchKernels": "scratch is float32 in memory, whatever type was widened to it",
			"runtime/cpu/kernel/runas.go runAs":                "records that run as bytes are made as records of q8_0",
		}},
		{name: "op", pkg: "pkg/ir", typ: "OpName", table: map[string]string{
			"pkg/ir/ops.go ops":                      "the rows",
			"pkg/target/target.go CPU":               "what a target's kernels do",
			"runtime/reference/meanings.go meanings": "the reference case of each simple op",
			"runtime/cpu/methods.go init":            "the kernel of each op",
			"runtime/backendtest/ops.go makers":      "the conformance case of each op",
		}, reasons: map[string]string{
			"pkg/passes/fuse_gated_activation.go fuseGatedActivation": "the pass is about products of an activation and a matmul",
			"pkg/passes/fuse_residual_norm.go fuseResidualNorm":       "the pass is about a sum before a norm",
			"pkg/passes/fuse_residual_norm.go normOf":                 "the report says that select_rows stands before the norm",
			"pkg/passes/fuse_rope.go attentions":                      "the pass is about what attention reads",
			"pkg/passes/fuse_rope.go headNorms":                       "the pass is about norms before rope",
			"pkg/passes/fuse_rope.go ropesDiffer":                     "the pass is about two ropes",
			"pkg/passes/group_projections.go groupProjections":        "the pass is about matmuls of one input, some in groups already",
			"pkg/passes/group_projections.go projections":             "a group counts as the matmuls in it",
			"pkg/passes/last_token.go lastToken":                      "the pass makes one select_rows where there is none",
			"pkg/passes/props.go holdsNormsFused":                     "what fuse_residual_norm promises: no sum before a norm",
			"pkg/verify/passes.go vocabulary":                         "ids come from top_k alone: its input is as wide as the vocabulary",
			"runtime/plan.go planStep":                                "ids go into embedding and come from top_k: there the vocabulary is seen",
		}},
		{name: "codec", names: codecs, vars: codecVars, table: map[string]string{
			"pkg/codec/":                           "the rows",
			"runtime/cpu/kernel/kvform.go kvForms": "the fast forms of each codec",
		}, reasons: map[string]string{
			"pkg/model/builder.go resolver.cache":                    "the codecs by default, f32 for a model all of f32",
			"internal/benchpeer/bound.go kvBytes":                    "the caches of other engines, bf16 too; a tool that may import pkg/gguf alone",
			"runtime/backendtest/protocol.go plain":                  "contexts are compared as they are: a cache that rounds nothing",
			"runtime/backendtest/protocol_state.go checkStateErrors": "a pair without V must be refused",
		}},
		{name: "family", names: families, reasons: map[string]string{
			"pkg/quant/mixture.go Is70B":         "a rule of llama-quantize that names architectures, bit-exact",
			"pkg/tokenizer/gguf.go fromGGUF":     "tokenizer.ggml.model: llama names SentencePiece",
			"pkg/tokenizer/gguf.go ggufSpecials": "tokenizer.ggml.model: llama names SentencePiece",
			"pkg/tokenizer/scanners.go scanners": "tokenizer.ggml.pre: qwen2 names a split pattern",
		}},
	}
}

// rowNames reads the names of the rows of a table: what key says in literals of
// type typ, and by the variables that hold them.
func rowNames(t *testing.T, u *unit, typ, key string) (names []string, vars map[types.Object]string) {
	t.Helper()
	vars = map[types.Object]string{}
	for _, f := range u.files {
		var of types.Object // the variable that is being declared
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				of = nil
			case *ast.ValueSpec:
				of = u.pkg.Scope().Lookup(n.Names[0].Name)
			}
			lit, ok := n.(*ast.CompositeLit)
			if !ok || !isNamed(u.info.TypeOf(lit), u.dir, typ) {
				return true
			}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				if k, ok := kv.Key.(*ast.Ident); ok && k.Name == key {
					name := constant.StringVal(u.info.Types[kv.Value].Value)
					if names = append(names, name); of != nil {
						vars[of] = name
					}
				}
			}
			return true
		})
	}
	if len(names) < 3 {
		t.Fatalf("rows found in %s: %q", u.dir, names)
	}
	return names, vars
}

func isNamed(t types.Type, pkg, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == module+pkg
}

// site is one place where a row is met: the row, file and declaration, and the
// prefix of it that is a place of the table, "" outside.
type site struct{ row, place, table string }

// meets finds where code meets the rows of k.
func (k *kind) meets(u *unit) (sites []site) {
	for file, f := range u.files {
		if generated(file) {
			continue
		}
		for _, d := range f.Decls {
			place := file + " " + declName(d)
			table := ""
			for p := range k.table {
				if strings.HasPrefix(place, p) {
					table = p
				}
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && k.vars[u.info.Uses[id]] != "" {
					sites = append(sites, site{k.vars[u.info.Uses[id]], place, table})
				}
				for _, e := range compared(u, n, k) {
					if row := k.row(u, e); row != "" {
						sites = append(sites, site{row, place, table})
					}
				}
				return true
			})
		}
	}
	return sites
}

// compared lists the expressions that n compares something with; a list or map of structs is
// a table, and what its rows hold is compared with sooner or later.
func compared(u *unit, n ast.Node, k *kind) []ast.Expr {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		switch n.Op {
		case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
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
				if _, isStruct := under(u.info.TypeOf(n)).(*types.Struct); isStruct {
					continue
				}
				all, e = append(all, kv.Key), kv.Value
			}
			if row, ok := e.(*ast.CompositeLit); ok && k.typ != "" { // of a table: a list or map of structs
				all = append(all, fields(u, row)...)
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

// fields lists what a struct literal holds.
func fields(u *unit, n *ast.CompositeLit) (all []ast.Expr) {
	if _, isStruct := under(u.info.TypeOf(n)).(*types.Struct); !isStruct {
		return nil
	}
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		all = append(all, e)
	}
	return all
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
		unused := maps.Clone(k.table)
		for _, units := range platforms {
			for _, u := range units {
				for _, s := range k.meets(u) {
					delete(unused, s.table)
					if s.table == "" && !slices.Contains(places[s.row], s.place) {
						places[s.row] = append(places[s.row], s.place)
					}
				}
			}
		}
		for p := range unused {
			t.Errorf("%s: its table names %s, where no row is met", k.name, p)
		}
		k.judge(t, places)
	}
}

// judge holds the places of each row against the limit and the kind's reasons.
func (k *kind) judge(t *testing.T, places map[string][]string) {
	most := 0
	for _, row := range slices.Sorted(maps.Keys(places)) {
		at := places[row]
		most = max(most, len(at))
		if len(at) > limit {
			t.Errorf("%s %s is met in %d places outside its table, at most %d: let its row say what these know:\n\t%s",
				k.name, row, len(at), limit, strings.Join(slices.Sorted(slices.Values(at)), "\n\t"))
		}
		for _, p := range at {
			if k.reasons[p] == "" {
				t.Errorf("%s %s is met in %s: let its row say it, or give the reason in rows_test.go", k.name, row, p)
			}
		}
	}
	for p := range k.reasons {
		if !slices.ContainsFunc(slices.Collect(maps.Values(places)), func(at []string) bool { return slices.Contains(at, p) }) {
			t.Errorf("%s: reasons lists %s, where no row is met", k.name, p)
		}
	}
	t.Logf("%s: at most %d places outside the table for any of %d rows, limit %d", k.name, most, len(places), limit)
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
func order(t Type) bool { return t < B }
var rows = []row{{A, "a"}, {t: C}}
var rowsByName = map[string]row{"b": {t: B}}
func fine(t Type) (row, Type) { use(A); return row{t: A, name: "alpha"}, B }
func zero(t Type) bool { return t == Invalid }
func use(Type) {}
var alpha = &row{name: "alpha"}
func byVar() *row { return alpha }
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
			if s.table != "" {
				continue
			}
			all = append(all, strings.TrimPrefix(s.place, "pkg/x/x.go ")+":"+s.row)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	const want = "array:B compare:A compare:B index:B keyed:A list:A list:C order:B rows:A rows:C rowsByName:B sw:A sw:C"
	if got := find(kind{pkg: "pkg/x", typ: "Type"}); got != want {
		t.Errorf("met: %s\nwant %s", got, want)
	}
	if got := find(kind{names: []string{"alpha"}}); got != "byName:alpha" {
		t.Errorf("met by name: %s", got)
	}
	if got := find(kind{vars: map[types.Object]string{u.pkg.Scope().Lookup("alpha"): "a"}}); got != "byVar:a" {
		t.Errorf("met by variable: %s", got)
	}
	if got := find(kind{pkg: "pkg/x", typ: "Type", table: map[string]string{"pkg/x/": "the table"}}); got != "" {
		t.Errorf("met in its own table: %s", got)
	}
}
