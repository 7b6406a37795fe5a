package kernel

func addArch(add func(Key, Tier, *matmulImpl)) {
	for _, ty := range WeightTypes {
		for _, op := range []Op{OpMatmul, OpMatmulGroup} {
			for _, l := range []Layout{Plain, C4} {
				if ty.Quantised() {
					add(Key{op, ty, P16, I8, l}, AVX512, &vnniMatmul)
					add(Key{op, ty, P16, I8, l}, AMX, &amxMatmul)
				}
				if ty.Quantised() {
					add(Key{op, ty, Rows, I8, l}, AVXVNNI, &avxvnniQuant)
					add(Key{op, ty, P16, I8, l}, AVXVNNI, &avxvnniQuant)
					add(Key{op, ty, Rows, I8, l}, AVX2, &avx2Quant)
					add(Key{op, ty, P16, I8, l}, AVX2, &avx2Quant)
				}
				for _, f := range []Form{Rows, P16} {
					add(Key{op, ty, f, F32, l}, AVX512, &fmaMatmul)
					add(Key{op, ty, f, F32, l}, AVX2, &avx2Float)
				}
			}
		}
	}
}
