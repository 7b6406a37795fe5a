package kernel

import "github.com/tessera-llm/tessera/pkg/pack"

// addArch adds what natives has. A weight type without kernels of its own or of
// bytesType has no row for i8 here: Lookup gives it the generic one.
func addArch(add func(Key, Tier, *matmulImpl)) {
	for _, ty := range WeightTypes {
		_, n := runAs(pack.Lookup(ty))
		for _, l := range []Layout{Plain, C4} {
			for _, f := range []Form{Rows, P16} {
				if n != nil && ty.Quantised() {
					add(Key{ty, f, I8, l}, NEON, &neonQuant)
					add(Key{ty, f, I8, l}, I8MM, &i8mmQuant)
				}
				add(Key{ty, f, F32, l}, NEON, &neonFloat)
			}
		}
	}
}
