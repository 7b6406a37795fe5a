package kernel

import "golang.org/x/sys/cpu"

func cpuid(leaf uint32) (a, b, c, d uint32)

func available() [numTiers]bool {
	_, _, features, _ := cpuid(1)
	f16c := features>>29&1 != 0
	avx2 := cpu.X86.HasAVX2 && cpu.X86.HasFMA && f16c
	avx512 := avx2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL &&
		cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VNNI
	return [numTiers]bool{
		Generic: true,
		AVX2:    avx2,
		AVXVNNI: avx2 && cpu.X86.HasAVXVNNI,
		AVX512:  avx512,
		AMX:     avx512 && haveAMX,
	}
}
