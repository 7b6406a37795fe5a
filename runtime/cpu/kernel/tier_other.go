//go:build !amd64 && !arm64

package kernel

func available() [numTiers]bool { return [numTiers]bool{Generic: true} }
