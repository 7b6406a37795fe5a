package pack

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// useVectors selects the AVX2 code; tests switch it off to compare.
var useVectors = cpu.X86.HasAVX2

//go:noescape
func transposeDwordsAVX2(dst, src unsafe.Pointer, stride, n int)

//go:noescape
func transposeHalvesAVX2(dst, src unsafe.Pointer, stride, n int)

func transposeWords(dst []byte, w *[PanelRows]words, n int) {
	done := 0
	if useVectors {
		done = n &^ 3
		dst := dst[:64*done]
		transposeDwordsAVX2(unsafe.Pointer(unsafe.SliceData(dst)), unsafe.Pointer(w), 4*maxVectors, done)
	}
	transposeWordsGo(dst, w, done, n)
}

func transposeDwords(dst, src []byte, stride, n int) {
	done := vectorPart(dst, src, stride, n)
	if done > 0 {
		transposeDwordsAVX2(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), stride, done)
	}
	if done < n {
		transposeDwordsGo(dst[64*done:], src[4*done:], stride, n-done)
	}
}

func transposeHalves(dst, src []byte, stride, n int) {
	done := vectorPart(dst, src, stride, n)
	if done > 0 {
		transposeHalvesAVX2(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), stride, done)
	}
	if done < n {
		transposeHalvesGo(dst[64*done:], src[4*done:], stride, n-done)
	}
}

// vectorPart is how many of n vectors the AVX2 code may write: whole steps of
// four that lie inside both slices.
func vectorPart(dst, src []byte, stride, n int) int {
	n &^= 3
	if !useVectors || n <= 0 || stride < 0 || len(dst) < 64*n || len(src) < (PanelRows-1)*stride+4*n {
		return 0
	}
	return n
}
