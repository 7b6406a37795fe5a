package quant

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// sameWithoutVectors encodes x with the Go searches only and compares.
func sameWithoutVectors(t *testing.T, c Codec, x []float32) {
	t.Helper()
	a := make([]byte, len(x)/c.Type.BlockElems()*c.Type.BlockBytes())
	b := make([]byte, len(a))
	c.Encode(a, x)
	withoutVectors(func() { c.Encode(b, x) })
	if !bytes.Equal(a, b) {
		t.Errorf("%s: the vector searches give other bytes", c.Type)
	}
}

// TestGoSearches repeats the golden tests without vector searches.
func TestGoSearches(t *testing.T) {
	withoutVectors(func() { TestEncodeGolden(t) })
}

// TestVectorSearches compares both versions on values of every magnitude, also
// mixed within a super-block, beyond what llama.cpp defines.
func TestVectorSearches(t *testing.T) {
	if !useAVX2 {
		t.Skip("no vector searches on this machine")
	}
	x := make([]float32, 64*superBlock)
	for k, shape := range []func(i uint64) float32{
		func(i uint64) float32 { return float32(normal(1, i) * power(2, i/256, -149, 127)) },
		func(i uint64) float32 { return float32(normal(3, i) * power(4, i/16, -149, 127)) },
		func(i uint64) float32 { return float32(normal(5, i) * power(6, i, -149, 127)) },
		func(i uint64) float32 { return float32(power(7, i/32, -10, 10) + normal(8, i)*power(9, i/32, -30, 0)) },
		func(i uint64) float32 { return -float32(power(7, i/32, -10, 10) + normal(8, i)*power(9, i/32, -30, 0)) },
		func(i uint64) float32 { // any finite bits
			v := uint32(draw(10, i))
			if v&0x7f800000 == 0x7f800000 {
				v ^= 0x40000000
			}
			return math.Float32frombits(v)
		},
	} {
		for i := range x {
			x[i] = shape(uint64(i))
			if x[i]-x[i] != 0 { // a product beyond the range
				x[i] = math.MaxFloat32
			}
		}
		for _, c := range codecs {
			if c.Encode != nil {
				sameWithoutVectors(t, c, x)
			}
		}
		if t.Failed() {
			t.Fatalf("values of shape %d", k)
		}
	}
}

// TestNoFusedOperations disassembles the package for the platforms on which Go
// may fuse a product with an addition.
func TestNoFusedOperations(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package twice")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	for _, env := range [][]string{{"GOARCH=arm64"}, {"GOARCH=amd64", "GOAMD64=v3"}} {
		obj := filepath.Join(t.TempDir(), "quant.a")
		build := exec.Command(goTool, "build", "-o", obj, ".")
		build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
		build.Dir = filepath.Join(testutil.Root(), "pkg", "quant")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("cannot build for %v: %v\n%s", env, err, out)
		}
		text, err := exec.Command(goTool, "tool", "objdump", obj).Output()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("encodeQ4_K")) {
			t.Fatalf("%v: no disassembly", env)
		}
		for _, m := range regexp.MustCompile(`(?m)^.*\bV?F(N?M(ADD|SUB)).*$`).FindAll(text, 3) {
			t.Errorf("%v: fused operation: %s", env, m)
		}
	}
}
