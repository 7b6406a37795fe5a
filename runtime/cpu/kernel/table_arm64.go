package kernel

func addArch(add func(Key, Tier, *matmulImpl)) {
	for _, ty := range WeightTypes {
		for _, op := range []Op{OpMatmul, OpMatmulGroup} {
			for _, l := range []Layout{Plain, C4} {
				for _, f := range []Form{Rows, P16} {
					if ty.Quantised() {
						add(Key{op, ty, f, I8, l}, NEON, &neonQuant)
						add(Key{op, ty, f, I8, l}, I8MM, &i8mmQuant)
					}
					add(Key{op, ty, f, F32, l}, NEON, &neonFloat)
				}
			}
		}
	}
}
