//go:build !amd64

package quant

func withoutVectors(f func()) { f() }
