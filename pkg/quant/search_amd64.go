package quant

import "golang.org/x/sys/cpu"

// useAVX2 selects the vector searches; tests switch it off to compare.
var useAVX2 = cpu.X86.HasAVX2

// lanes is the scratch of the vector searches, aligned by them.
type lanes struct{ buf [800]float32 }

//go:noescape
func minSearchAVX2(x *[superBlock]float32, scratch *[800]float32, spans *float32, tries int, levels float32, scale, least *[8]float32) (ok bool)

//go:noescape
func symSearchAVX2(x *[superBlock / 2]float32, scratch *[800]float32, spans *float32, tries int, levels float32, scale *[8]float32)

//go:noescape
func quantiseAVX2(q *[superBlock]byte, x *[superBlock]float32, d, m *[16]float32, lowest, highest int32)

// searchMins runs the search on all eight sub-blocks of x. It reports false
// when a range of values is so extreme that the vector version would not give
// the bits of minSearch.run.
func (w *lanes) searchMins(x *[superBlock]float32, s *minSearch, scale, least *[8]float32) bool {
	return useAVX2 && minSearchAVX2(x, &w.buf, &s.spans[0], s.tries, float32(s.levels), scale, least)
}

// searchSyms runs the search of searchSym on all sixteen sub-blocks of x.
func (w *lanes) searchSyms(x *[superBlock]float32, scale *[16]float32) bool {
	if !useAVX2 {
		return false
	}
	for half := range 2 {
		symSearchAVX2((*[superBlock / 2]float32)(x[128*half:]), &w.buf,
			&symSpans[0], len(symSpans), symLevels, (*[8]float32)(scale[8*half:]))
	}
	return true
}

// quantise rounds (x+m)/d to the nearest of lowest..highest, counted from
// lowest. Sixteen values share a d and an m.
func quantise(q *[superBlock]byte, x *[superBlock]float32, d, m *[16]float32, lowest, highest int32) {
	if useAVX2 {
		quantiseAVX2(q, x, d, m, lowest, highest)
		return
	}
	quantiseGo(q, x, d, m, lowest, highest)
}
