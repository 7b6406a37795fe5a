package house

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

const (
	kernels   = "runtime/cpu/kernel"
	generator = "internal/generate/kernels"
)

// The committed assembly is what its generator writes, and that passes its tests.
func TestAssemblyIsGenerated(t *testing.T) {
	for _, args := range [][]string{{"test", "."}, {"run", ".", "-check", filepath.Join(testutil.Root(), kernels)}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join(testutil.Root(), generator)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s in %s: %v: %s", args[0], generator, err, out)
		}
	}
}

// maxAssembly is the most lines of assembly that people write: those of .s and .h files
// that are not generated, and all of the generator. It only goes down.
const maxAssembly = 7295

func TestAssemblyLines(t *testing.T) {
	hand, templates := 0, 0
	for _, f := range files(t) {
		if ext := filepath.Ext(f); (ext == ".s" || ext == ".h") && !generated(f) {
			hand += instructions(string(read(t, f)))
		}
	}
	paths, err := filepath.Glob(filepath.Join(testutil.Root(), generator, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range paths {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		templates += instructions(string(read(t, generator+"/"+filepath.Base(f))))
	}
	total := hand + templates
	t.Logf("%d lines in .s and .h files, %d of the generator: %d", hand, templates, total)
	if hand == 0 || templates == 0 {
		t.Error("nothing found")
	}
	if total > maxAssembly {
		t.Errorf("%d lines of assembly and its generator, at most %d: generate what repeats", total, maxAssembly)
	}
	if total < maxAssembly-100 {
		t.Errorf("%d lines of assembly and its generator: lower maxAssembly, %d", total, maxAssembly)
	}
}

var block = regexp.MustCompile(`(?s)/\*.*?\*/`)

// instructions counts lines without blanks and comments, split at semicolons: those in
// the strings of the generator separate instructions too.
func instructions(text string) (n int) {
	for _, line := range strings.Split(block.ReplaceAllString(text, ""), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "//") {
			continue
		}
		if !strings.Contains(line, `"`) {
			line, _, _ = strings.Cut(line, "//")
		}
		for _, part := range strings.Split(strings.TrimRight(line, "\\ \t"), ";") {
			if strings.TrimSpace(part) != "" {
				n++
			}
		}
	}
	return n
}

func TestInstructions(t *testing.T) {
	text := "// a\n\n#define M(x) \\\n\tMOVQ x, AX; ADDQ $1, AX \\ // b\n/* c\nd; e */\n\tRET; // f\n\ta.p(\"X; Y\") // g\n"
	if n := instructions(text); n != 6 {
		t.Errorf("%d lines, want 6", n)
	}
}

var (
	loadsArgs = regexp.MustCompile(`\bMOV[QD]\s+a\+0\(FP\),\s*(\w+)`)
	field     = regexp.MustCompile(`\b\w+Args_\w+[^()\s]*\)?\((\w+)\)`)
	literal   = regexp.MustCompile(`(?:^|[\s,(])(\d*|\(\d[^()]*\))\((\w+)\)`)
)

// The offsets of arguments have one source, the Go struct: assembly names its fields
// (go_asm.h), no number stands for one.
func TestArgumentOffsets(t *testing.T) {
	loads := 0
	for _, f := range files(t) {
		if ext := filepath.Ext(f); ext != ".s" && ext != ".h" {
			continue
		}
		n, bad := numbered(string(read(t, f)))
		loads += n
		for _, line := range bad {
			t.Errorf("%s: %s: name the field", f, line)
		}
	}
	if loads < 100 {
		t.Errorf("only %d functions with a struct of arguments were found", loads)
	}
}

// numbered finds the operands of an assembly file that reach into a struct of arguments
// by a number. In a function or a macro a register holds the struct from its load, or
// from the beginning where a field is read through it and nothing was written to it
// before, to the next instruction that writes it.
func numbered(text string) (loads int, bad []string) {
	var lines []string
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == ';' }) {
		line, _, _ = strings.Cut(line, "//")
		lines = append(lines, strings.TrimSpace(strings.TrimRight(line, " \t\\")))
	}
	held := ""
	for i, line := range lines {
		switch m := loadsArgs.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "TEXT"), strings.HasPrefix(line, "#define"):
			held = handed(lines[i+1:])
			continue
		case m != nil:
			held = m[1]
			loads++
			continue
		}
		if held == "" {
			continue
		}
		for _, m := range literal.FindAllStringSubmatch(line, -1) {
			if m[2] == held {
				bad = append(bad, line)
			}
		}
		if strings.HasSuffix(line, " "+held) {
			held = ""
		}
	}
	return loads, bad
}

// handed is the register that holds a struct of arguments where a function or macro of
// these lines begins: a macro before it has loaded it.
func handed(lines []string) string {
	written := map[string]bool{}
	for _, line := range lines {
		if strings.HasPrefix(line, "TEXT") || strings.HasPrefix(line, "#define") {
			break
		}
		if m := field.FindStringSubmatch(line); m != nil && !written[m[1]] {
			return m[1]
		}
		words := strings.Fields(line)
		if len(words) > 0 {
			written[words[len(words)-1]] = true
		}
	}
	return ""
}

func TestNumbered(t *testing.T) {
	text := "TEXT ·f(SB), NOSPLIT, $0-8\n\tMOVQ a+0(FP), DX\n\tMOVQ fArgs_w(DX), SI; MOVQ 8(DX), DI // 16(DX)\n\tADDQ (DX), R8\n" +
		"\tVMOVUPS (4+64*r)(DX), Z0\n\tMOVQ fArgs_m(DX), DX\n\tMOVQ 8(DX), R9\nTEXT ·g(SB), NOSPLIT, $0-8\n\tMOVQ dst+0(FP), DX\n\tMOVQ 8(DX), SI\n" +
		"#define M(x) \\\n\tMOVQ 24(DX), R8 \\\n\tMOVQ (fArgs_w+8*x)(DX), R9\n"
	loads, bad := numbered(text)
	if want := "MOVQ 8(DX), DI|ADDQ (DX), R8|VMOVUPS (4+64*r)(DX), Z0|MOVQ 24(DX), R8"; loads != 1 || strings.Join(bad, "|") != want {
		t.Errorf("%d loads, %q, want 1, %s", loads, bad, want)
	}
}
