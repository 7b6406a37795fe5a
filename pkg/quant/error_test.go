package quant

import (
	"math"
	"strconv"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestErrorsOfEncoders compares the errors with those of llama.cpp's quantisers, which
// testdata/errors.txt holds to nine digits: no worse.
func TestErrorsOfEncoders(t *testing.T) {
	for _, row := range goldenRows(t, "errors.txt") {
		ty, err := tensor.ParseType(row[0])
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := strconv.ParseFloat(row[2], 64)
		if err != nil || theirs <= 0 {
			t.Fatalf("%v: %v", row, err)
		}
		x := goldenValues(row[1], 65536)
		y := make([]float32, len(x))
		b := make([]byte, len(x)/ty.BlockElems()*ty.BlockBytes())
		if err := Encode(ty, b, x); err != nil {
			t.Fatal(err)
		}
		if err := Decode(ty, y, b); err != nil {
			t.Fatal(err)
		}
		var sum, power float64
		for i, v := range x {
			d := float64(v) - float64(y[i])
			sum += d * d
			power += float64(v) * float64(v)
		}
		if ours := math.Sqrt(sum / power); ours > theirs+1e-9 {
			t.Errorf("%s of %s: relative error %.9f, llama.cpp %.9f", ty, row[1], ours, theirs)
		}
	}
}
