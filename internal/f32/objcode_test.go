package f32

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// numeric lists the packages whose results must not depend on whether the
// compiler fuses products and sums.
var numeric = []string{"internal/f32", "pkg/quant", "pkg/pack", "runtime/cpu/kernel"}

// fusedInstruction matches the listing of one fused multiply-add: file, line,
// mnemonic.
var fusedInstruction = regexp.MustCompile(`\(([^()]+\.go):(\d+)\)\s+(V?FN?M(?:ADD|SUB)[A-Z0-9]*)\s`)

// TestNoStrayFusion compiles the numeric packages for the targets on which Go
// fuses and looks at every instruction. Only the expression in fma_fused.go,
// which may be inlined anywhere, may be fused.
func TestNoStrayFusion(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for two targets")
	}
	for _, env := range []string{"GOARCH=arm64", "GOAMD64=v3"} {
		args := []string{"build", "-gcflags=-S"}
		for _, p := range numeric {
			args = append(args, "./"+p)
		}
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join("..", "..")
		cmd.Env = append(os.Environ(), env, "CGO_ENABLED=0")
		if env == "GOAMD64=v3" {
			cmd.Env = append(cmd.Env, "GOARCH=amd64")
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%.2000s", env, err, out)
		}
		ours := 0
		for _, m := range fusedInstruction.FindAllStringSubmatch(string(out), -1) {
			if strings.HasSuffix(filepath.ToSlash(m[1]), "internal/f32/fma_fused.go") {
				ours++
				continue
			}
			t.Errorf("%s: %s:%s has %s: write the product as float32(a*b)", env, m[1], m[2], m[3])
		}
		if ours == 0 {
			t.Errorf("%s: not even FMA is fused: the listing is not what this test expects", env)
		}
	}
}
