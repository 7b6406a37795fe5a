package kernel

import (
	"bufio"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	macroLine = regexp.MustCompile(`^#define (\w+)\(([^)]*)\) WORD \$\((.*)\) // \S`)
	wordLine  = regexp.MustCompile(`^(\w+)\(([^)]*)\) ([0-9a-f]{8}) \S`)
)

// lines calls f for every line of a file.
func lines(t *testing.T, path string, f func(string)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	for s.Scan() {
		f(s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestWords evaluates the macros that encode arm64 instructions and compares
// them to the words of another assembler, three sets of registers and lanes
// for every macro.
func TestWords(t *testing.T) {
	type macro struct {
		params []string
		expr   string
		seen   int
	}
	macros := map[string]*macro{}
	lines(t, "neon_arm64.h", func(line string) {
		if !strings.HasPrefix(line, "#define") {
			return
		}
		m := macroLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not a macro of one word: %s", line)
			return
		}
		macros[m[1]] = &macro{params: strings.Split(m[2], ", "), expr: m[3]}
	})
	lines(t, "testdata/neon_words.txt", func(line string) {
		if strings.HasPrefix(line, "#") {
			return
		}
		w := wordLine.FindStringSubmatch(line)
		if w == nil || macros[w[1]] == nil {
			t.Errorf("no macro for: %s", line)
			return
		}
		m, args := macros[w[1]], strings.Split(w[2], ", ")
		m.seen++
		expr := m.expr
		for i, p := range m.params {
			expr = regexp.MustCompile(`\b`+p+`\b`).ReplaceAllString(expr, args[i])
		}
		v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expr)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		got, _ := constant.Uint64Val(v.Value)
		if want, _ := strconv.ParseUint(w[3], 16, 64); got != want {
			t.Errorf("%s: the macro gives %s", line, fmt.Sprintf("%08x", got))
		}
	})
	for name, m := range macros {
		if m.seen != 3 {
			t.Errorf("%s: %d lines in testdata/neon_words.txt, want 3", name, m.seen)
		}
	}
	if len(macros) == 0 {
		t.Error("no macros found")
	}
}
