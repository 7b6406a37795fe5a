//go:build !amd64

package roofline

const dotOps = 0

func dotName() string   { return "" }
func dotLoop(int)       {}
func fmaLoop(n int)     { fmaGo(n) }
func fmaOps() float64   { return fmaGoOps }
func readLoop(b []byte) { readGo(b) }
