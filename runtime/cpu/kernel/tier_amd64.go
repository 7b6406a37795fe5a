package kernel

import "golang.org/x/sys/cpu"

func available() [numTiers]bool {
	avx2 := cpu.X86.HasAVX2 && cpu.X86.HasFMA
	return [numTiers]bool{
		Generic: true,
		AVX2:    avx2,
		AVX512: avx2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL &&
			cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VNNI,
	}
}
