package kernel

import "golang.org/x/sys/cpu"

func available() [numTiers]bool {
	return [numTiers]bool{Generic: true, NEON: hasDotProducts()}
}

func hasDotProducts() bool { return cpu.ARM64.HasASIMD && cpu.ARM64.HasASIMDDP }
