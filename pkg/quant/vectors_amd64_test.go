package quant

// withoutVectors runs f with the Go searches. Not for parallel tests.
func withoutVectors(f func()) {
	old := useAVX2
	useAVX2 = false
	defer func() { useAVX2 = old }()
	f()
}
