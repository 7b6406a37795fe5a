package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unsafe"
)

// TestAssemblyTiers: the functions of the AVX2 tier use no register and no
// mask that only AVX-512 has, and the files of the two tiers are told apart by
// name.
func TestAssemblyTiers(t *testing.T) {
	wide := regexp.MustCompile(`\b(Z\d+|[XY](1[6-9]|2\d|3[01])|K[0-7])\b`)
	comment := regexp.MustCompile(`//.*`)
	text := regexp.MustCompile(`^TEXT ·(\w+)\(SB\)`)
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly found: %v", err)
	}
	avx2 := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		narrow := strings.Contains(file, "256")
		name := ""
		for i, line := range strings.Split(string(src), "\n") {
			line = comment.ReplaceAllString(line, "")
			if m := text.FindStringSubmatch(line); m != nil {
				if name = m[1]; narrow {
					avx2++
				}
				shared := name == "scatter4" || name == "gather4" || name == "cpuid"
				if !shared && narrow != strings.Contains(name, "256") {
					t.Errorf("%s:%d: function %s is in the wrong file", file, i+1, name)
				}
			}
			if (narrow || name == "scatter4" || name == "gather4") && wide.MatchString(line) {
				t.Errorf("%s:%d: AVX-512 operand in the AVX2 tier: %s", file, i+1, strings.TrimSpace(line))
			}
			for _, bad := range []string{"VPDPBUSDS", "VPDPWSSDS", "VRCP", "VRSQRT", "VDPBF16PS", "VPMADDUBSWS"} {
				if strings.Contains(line, bad) {
					t.Errorf("%s:%d: %s is forbidden (docs/numerics.md)", file, i+1, bad)
				}
			}
		}
	}
	if avx2 < 20 {
		t.Errorf("only %d functions of the AVX2 tier found", avx2)
	}
}

// inHeap is a zero T that does not move, on a cache line.
func inHeap[T any]() *T {
	var t T
	return (*T)(unsafe.Pointer(unsafe.SliceData(AlignedBytes(int(unsafe.Sizeof(t))))))
}
