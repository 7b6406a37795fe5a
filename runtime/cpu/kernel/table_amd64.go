package kernel

import "github.com/tessera-llm/tessera/pkg/pack"

// addArch adds what natives has. A weight type without kernels of its own or of
// bytesType has no row here: Lookup gives it the generic one.
func addArch(add func(Key, Tier, *matmulImpl)) {
	for _, ty := range WeightTypes {
		_, n := runAs(pack.Lookup(ty))
		for _, l := range []Layout{Plain, C4} {
			if n != nil && n.gemv != nil {
				add(Key{ty, P16, I8, l}, AVX512, &vnniMatmul)
				add(Key{ty, P16, I8, l}, AMX, &amxMatmul)
			}
			for _, f := range []Form{Rows, P16} {
				if n != nil && n.gemv256V != nil {
					add(Key{ty, f, I8, l}, AVXVNNI, &avxvnniQuant)
				}
				if n != nil && n.gemv256 != nil {
					add(Key{ty, f, I8, l}, AVX2, &avx2Quant)
				}
				if n != nil {
					add(Key{ty, f, F32, l}, AVX512, &fmaMatmul)
				}
				add(Key{ty, f, F32, l}, AVX2, &avx2Float)
			}
		}
	}
}
