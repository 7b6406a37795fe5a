package roofline

import "testing"

// The rates themselves depend on the machine; what must hold is that they are
// there and that more bytes than exist are not claimed.
func TestMeasure(t *testing.T) {
	m := Measure(1, make([]byte, 8<<20))
	if m.FMAGF <= 0 || m.ReadGBs <= 0 || (m.Dot != "") != (m.DotGOPS > 0) {
		t.Errorf("%+v", m)
	}
	if Read(2, make([]byte, chunk-1)) != 0 {
		t.Error("less than a chunk has a rate")
	}
}

func BenchmarkMeasure(b *testing.B) {
	data := make([]byte, 256<<20)
	for i := range data {
		data[i] = byte(i)
	}
	for b.Loop() {
		m := Measure(2, data)
		b.ReportMetric(m.DotGOPS, "dot-GOPS")
		b.ReportMetric(m.FMAGF, "fma-GFLOPS")
		b.ReportMetric(m.ReadGBs, "read-GB/s")
	}
}
