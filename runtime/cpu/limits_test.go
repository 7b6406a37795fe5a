package cpu

import "testing"

func TestMeasureLimits(t *testing.T) {
	l, err := MeasureLimits(2, [][]byte{make([]byte, 8<<20), nil, make([]byte, 3<<20+5)})
	if err != nil {
		t.Fatal(err)
	}
	if l.ReadGBs <= 0 || l.Tier == "avx512" && (l.DotGOPS <= 0 || l.FMAGF <= 0) {
		t.Errorf("%+v", l)
	}
	if l, err = MeasureLimits(1, [][]byte{make([]byte, readChunk-1)}); err != nil || l.ReadGBs != 0 {
		t.Errorf("less than a chunk: %+v, %v", l, err)
	}
}
