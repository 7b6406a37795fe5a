package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoldenTypes: a matmul over every weight type, in rows and packed, quantised
// activations and f32, one token, a tile and more, gives the digest of
// testdata/types/NAME on every architecture and in every tier. A new type needs a file.
func TestGoldenTypes(t *testing.T) {
	for _, ty := range WeightTypes {
		text, err := os.ReadFile(filepath.Join("testdata", "types", ty.String()))
		if err != nil {
			t.Errorf("%s has no golden case: %v", ty, err)
		}
		want := strings.TrimSpace(string(text))
		for _, tier := range Available() {
			h := sha256.New()
			r := rng(uint64(len(ty.String())))
			rows, k := []int64{37, 16}, int64(768)
			if !ty.Quantised() {
				k = 770
			}
			ws := forms(t, ty, rows, k, randomWeight(r, ty, 53, k))
			for _, s := range []int{1, 3, 8, 20} {
				x := plainAct(t, r, s, int(k))
				for _, in := range []Act{x, relayout(t, x, C4), quantised(t, x, Plain), quantised(t, x, C4)} {
					if in.Elem == I8 && !ty.Quantised() {
						continue
					}
					for i := range ws {
						out := outputs(t, &ws[i], s)
						run(t, &Matmul{Tier: tier, W: &ws[i], X: in, Out: out})
						digest(h, out...)
					}
				}
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != want {
				t.Errorf("%s, %s: digest %s, want %s", ty, tier, got, want)
			}
		}
	}
}
