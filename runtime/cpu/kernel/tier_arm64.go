package kernel

import "golang.org/x/sys/cpu"

func available() [numTiers]bool {
	neon := hasDotProducts()
	return [numTiers]bool{Generic: true, NEON: neon, I8MM: neon && cpu.ARM64.HasI8MM}
}

func hasDotProducts() bool { return cpu.ARM64.HasASIMD && cpu.ARM64.HasASIMDDP }
