package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/passes"
)

// quoted is a command that a document shows, in a block or between backticks.
type quoted struct {
	file, text string
}

// documents reads README.md and docs/*.md, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testutil.Root(), "docs", "*.md"))
	if err != nil || len(paths) < 6 {
		t.Fatalf("%d documents (%v)", len(paths), err)
	}
	all := map[string]string{}
	for _, p := range append(paths, filepath.Join(testutil.Root(), "README.md")) {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(p)] = string(data)
	}
	return all
}

var (
	blockLine = regexp.MustCompile(`(?m)^    (\S.*)$`)
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	remark    = regexp.MustCompile(`\s+# .*$`)
)

// commands lists what the documents quote that begins with one of the words and goes on.
func commands(t *testing.T, first ...string) []quoted {
	t.Helper()
	var list []quoted
	docs := documents(t)
	names := make([]string, 0, len(docs))
	for name := range docs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text := strings.ReplaceAll(docs[name], "\\\n", " ")
		for _, m := range append(blockLine.FindAllStringSubmatch(text, -1), codeSpan.FindAllStringSubmatch(text, -1)...) {
			line := strings.TrimSpace(remark.ReplaceAllString(m[1], ""))
			if word, _, more := strings.Cut(line, " "); more && slices.Contains(first, word) {
				list = append(list, quoted{name, line})
			}
		}
	}
	return list
}

// standIns are what the documents' names for a user's files and choices become.
func standIns(t *testing.T) map[string]string {
	return map[string]string{
		"CHECKPOINT": modelPath("llama-f32"), "MODEL": modelPath("llama-f32"), "MODEL.gguf": filepath.Join(modelPath("llama-f32"), "llama-f32.gguf"),
		"Qwen3-0.6B/": modelPath("war-and-peace"), "BUNDLE": demo(t), "OTHER": filepath.Join(t.TempDir(), "other.tess"),
		"SEGMENT": "logit", "PASS": "fuse-rope", "N": "2", "T": "q8_0",
	}
}

// smaller makes measurements as short as they can be, and a bundle that is there already
// no obstacle.
var smaller = map[string][][]string{"bench": {{"-p", "4"}, {"-n", "2"}, {"-r", "1"}, {"-d", "8"}}, "verify": {{"--sizes", "1,2"}},
	"convert": {{"--force"}}, "segment": {{"--force"}}}

// Every command of the program that the documents quote is one: its flags are flags of
// it, and where it says on what, it runs, on a checkpoint of testdata.
func TestDocumentedCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command of the documents")
	}
	ran := 0
	stands := standIns(t)
	t.Setenv("TESSERA_TEST_CACHE", t.TempDir())
	t.Chdir(t.TempDir())
	for _, q := range commands(t, "tessera", "bin/tessera") {
		line := strings.NewReplacer("[", "", "]", "").Replace(strings.TrimPrefix(q.text, "bin/"))
		args, err := words("$ " + line)
		if err != nil {
			t.Errorf("%s: %q: %v", q.file, q.text, err)
			continue
		}
		known(t, q, args)
		if !runs(args) {
			continue
		}
		for i, a := range args {
			if s, ok := stands[a]; ok {
				args[i] = s
			}
		}
		for _, more := range smaller[args[0]] {
			if i := slices.Index(args, more[0]); i < 0 && more[0] != "-d" {
				args = append(args, more...)
			} else if i > 0 && len(more) == 2 {
				args[i+1] = more[1]
			}
		}
		if _, errs, code := app(t, args...); code != 0 {
			t.Errorf("%s: %q, run as %q: exit code %d: %s", q.file, q.text, args, code, errs)
		}
		ran++
	}
	t.Logf("%d commands ran", ran)
	if ran < 12 {
		t.Errorf("only %d commands of the documents ran", ran)
	}
}

// runs reports whether a command says on what it works, or needs nothing. --startup starts
// the program, which a test is not.
func runs(args []string) bool {
	if slices.Contains(args, "--startup") {
		return false
	}
	return args[0] == "passes" || args[0] == "--help" || len(args) > 1 && !strings.HasPrefix(args[1], "-")
}

// known checks the name of a command and its flags.
func known(t *testing.T, q quoted, args []string) {
	t.Helper()
	if strings.HasPrefix(args[0], "-") {
		return
	}
	c := newApp().Command(args[0])
	if c == nil {
		t.Errorf("%s: %q: no command %s", q.file, q.text, args[0])
		return
	}
	for _, a := range args[1:] {
		if strings.HasPrefix(a, "-") && !hasFlag(c, strings.TrimLeft(a, "-")) {
			t.Errorf("%s: %q: %s has no flag %s", q.file, q.text, args[0], a)
		}
	}
}

func hasFlag(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

// A flag that a document names alone is a flag of some command.
func TestDocumentedFlags(t *testing.T) {
	n := 0
	for file, text := range documents(t) {
		for _, m := range regexp.MustCompile("`--([a-z-]+)[^`]*`").FindAllStringSubmatch(text, -1) {
			n++
			if !slices.ContainsFunc(newApp().Commands, func(c *cli.Command) bool { return hasFlag(c, m[1]) }) {
				t.Errorf("%s: no command has a flag --%s", file, m[1])
			}
		}
	}
	if n < 5 {
		t.Errorf("only %d flags found", n)
	}
}

// Targets of make, tests and scripts that the documents name exist.
func TestDocumentedTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(testutil.Root(), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	target := func(name string) bool {
		return regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `:( |$)`).Match(makefile)
	}
	for _, q := range commands(t, "make") {
		name, _, _ := strings.Cut(strings.TrimPrefix(q.text, "make "), " ")
		if !target(name) {
			t.Errorf("%s: %q: make has no target %s", q.file, q.text, name)
		}
	}
	_, list, _ := strings.Cut(documents(t)["README.md"], "More make targets: ")
	list, _, _ = strings.Cut(list, "\n\n")
	more := codeSpan.FindAllStringSubmatch(list, -1)
	if len(more) < 8 {
		t.Errorf("README.md lists %d more targets of make", len(more))
	}
	for _, m := range more {
		if !target(m[1]) {
			t.Errorf("README.md: make has no target %s", m[1])
		}
	}
	found := 0
	for _, q := range commands(t, "go") {
		pkg := regexp.MustCompile(`\./([a-z/]+)`).FindStringSubmatch(q.text)
		if pkg == nil {
			continue
		}
		tests, err := filepath.Glob(filepath.Join(testutil.Root(), pkg[1], "*_test.go"))
		if err != nil || len(tests) == 0 {
			t.Errorf("%s: %q: no tests in %s (%v)", q.file, q.text, pkg[1], err)
			continue
		}
		var all strings.Builder
		for _, f := range tests {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
		for _, m := range regexp.MustCompile(`-(run|bench) '?([\w|^$]+)'?`).FindAllStringSubmatch(q.text, -1) {
			prefix := map[string]string{"run": "", "bench": "Benchmark"}[m[1]]
			for _, name := range strings.Split(m[2], "|") {
				if name == "^$" {
					continue
				}
				found++
				if !regexp.MustCompile(`(?m)^func ` + prefix + strings.TrimSuffix(name, "$") + `\w*\(`).MatchString(all.String()) {
					t.Errorf("%s: %q: %s has no %s%s", q.file, q.text, pkg[1], prefix, name)
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d tests and benchmarks are named", found)
	}
	for file, text := range documents(t) {
		for _, m := range regexp.MustCompile(`\b((?:docs|testdata|pkg)/[\w/]+\.(?:py|sh))\b`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(testutil.Root(), m[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// The digest that docs/numerics.md computes by a binary of an old commit is what this
// program computes, and a row of the table of digests.
func TestDocumentedDigest(t *testing.T) {
	text := documents(t)["numerics.md"]
	m := regexp.MustCompile(`cut -c 1-16 +# ([0-9a-f]{16})\n`).FindStringSubmatch(text)
	row := regexp.MustCompile(`grep '\^(.*)' testdata/digests.txt +# 300=([0-9a-f]{16})\n`).FindStringSubmatch(text)
	if m == nil || row == nil || m[1] != row[2] {
		t.Fatalf("the digests of docs/numerics.md: %q, %q", m, row)
	}
	table, err := os.ReadFile(filepath.Join(testutil.Root(), "testdata", "digests.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(row[1]) + `.*\b300=` + m[1]).Match(table) {
		t.Errorf("testdata/digests.txt has no row %q with 300=%s", row[1], m[1])
	}
	walk := regexp.MustCompile(`x=(\d+); for i in \$\(seq (\d+)\); do x=\$\(\(x \* (\d+) \+ (\d+)\)\); echo \$\(\(\(x >> 33 & 0x7fffffff\) % (\d+)\)\)`).FindStringSubmatch(text)
	command := regexp.MustCompile(`(?m)^    /tmp/tessera-e4b30ff (logits testdata/models/.*)$`).FindStringSubmatch(text)
	if walk == nil || command == nil {
		t.Fatal("docs/numerics.md does not say how a digest is computed")
	}
	var n [5]uint64
	for i := range n {
		if n[i], err = strconv.ParseUint(walk[i+1], 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var ids strings.Builder
	for x := n[0]; n[1] > 0; n[1]-- {
		x = x*n[2] + n[3]
		fmt.Fprintln(&ids, x>>33&0x7fffffff%n[4])
	}
	if err := os.WriteFile(filepath.Join(dir, "ids.txt"), []byte(ids.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(testutil.Root())
	ok(t, strings.Fields(strings.ReplaceAll(command[1], "/tmp/", dir+"/"))...)
	logits, err := os.ReadFile(filepath.Join(dir, "logits.npy"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(logits[len(logits)-300*256*4:])
	if got := fmt.Sprintf("%x", sum[:8]); got != m[1] {
		t.Errorf("%s: the digest is %s, docs/numerics.md says %s", command[1], got, m[1])
	}
}

// Numbers and lists of the documents that are lengths of tables.
func TestDocumentedCounts(t *testing.T) {
	docs := documents(t)
	simple := 0
	for _, o := range ir.Ops() {
		if !o.Fused() && !strings.HasPrefix(string(o.Name), "fake_") {
			simple++
		}
	}
	table := passes.Table()
	for _, c := range []struct{ file, text string }{
		{"ARCHITECTURE.md", number(len(table)) + " passes"},
		{"rationale.md", strings.ToUpper(number(len(table))[:1]) + number(len(table))[1:] + " rows with needs"},
		{"rationale.md", strings.ToUpper(number(simple)[:1]) + number(simple)[1:] + " simple ops"},
	} {
		if !strings.Contains(docs[c.file], c.text) {
			t.Errorf("%s does not say %q", c.file, c.text)
		}
	}
	rows := regexp.MustCompile(`(?m)^\| ([a-z-]+) \| [^|]+ \| (yes|no, on purpose) \|$`).FindAllStringSubmatch(docs["ARCHITECTURE.md"], -1)
	if len(rows) != len(table) {
		t.Fatalf("ARCHITECTURE.md lists %d passes, the code %d", len(rows), len(table))
	}
	for i, p := range table {
		if rows[i][1] != p.Name || (rows[i][2] == "yes") != p.Exact {
			t.Errorf("ARCHITECTURE.md: pass %d is %s, exact %s; the code says %s, %v", i, rows[i][1], rows[i][2], p.Name, p.Exact)
		}
	}
	_, list, _ := strings.Cut(docs["README.md"], "Weight types: ")
	list, _, _ = strings.Cut(list, " and the\nmixtures")
	var types []string
	for _, typ := range pack.Types() {
		if !strings.HasPrefix(typ.String(), "fake_") {
			types = append(types, typ.String())
		}
	}
	have := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	slices.Sort(have)
	slices.Sort(types)
	if !slices.Equal(have, types) {
		t.Errorf("README.md: weight types %v, the code has %v", have, types)
	}
}

// number spells a small number.
func number(n int) string {
	words := []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
		"fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "twenty-one", "twenty-two", "twenty-three", "twenty-four"}
	if n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}
