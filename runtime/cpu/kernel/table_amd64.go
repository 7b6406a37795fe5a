package kernel

func addArch(func(Key, Tier, *matmulImpl)) {}
