//go:build !amd64

package kernel

func available() [numTiers]bool { return [numTiers]bool{Generic: true} }
