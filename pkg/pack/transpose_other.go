//go:build !amd64

package pack

// useVectors: there is no vector code here.
var useVectors = false

func transposeWords(dst []byte, w *[PanelRows]words, n int) { transposeWordsGo(dst, w, 0, n) }

func transposeDwords(dst, src []byte, stride, n int) { transposeDwordsGo(dst, src, stride, n) }

func transposeHalves(dst, src []byte, stride, n int) { transposeHalvesGo(dst, src, stride, n) }
