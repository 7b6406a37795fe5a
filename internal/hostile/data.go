package hostile

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// weightCases: quantised blocks whose scales are not finite. The tensor is the
// last of a sound file, its last block the broken one.
func weightCases() []Case {
	c := func(name, want string, typ uint32, at int, value []byte) Case {
		return Case{Name: "weights/" + name, Format: GGUF, Layer: Weights, Want: want, Write: lazy("m.gguf", func() files {
			b := baseGGUF(nil, nil, typ)
			copy(b[len(b)-blockBytes[typ][1]+at:], value)
			return files{"m.gguf": b}
		})}
	}
	nan, inf, minusInf := u16(0x7e00), u16(0x7c00), u16(0xfc00)
	return []Case{
		c("q8_0-nan-scale", lastRow, tQ8_0, 0, nan), c("q8_0-inf-scale", lastRow, tQ8_0, 0, inf), c("q8_0-signalling-nan", lastRow, tQ8_0, 0, u16(0x7c01)),
		c("q4_0-nan-scale", lastRow, tQ4_0, 0, nan), c("q4_0-minus-inf-scale", lastRow, tQ4_0, 0, minusInf),
		c("q4_k-nan-scale", lastRow, tQ4_K, 0, nan), c("q4_k-inf-min", lastRow, tQ4_K, 2, inf), c("q4_k-nan-min", lastRow, tQ4_K, 2, nan),
		c("mxfp4", "mxfp4", tMXFP4, 0, []byte{255}),
	}
}

// mappedCases are sound when they are opened; Damage then truncates weights.
func mappedCases() []Case {
	c := func(name string, f Format, write func(string) (string, error), file string, keep int64) Case {
		return Case{Name: "mapped/" + name, Format: f, Layer: Mapped, Want: "truncated", Write: write,
			Damage: func(path string) error {
				if file != "" {
					st, err := os.Stat(path)
					if err != nil {
						return err
					}
					if !st.IsDir() {
						path = filepath.Dir(path)
					}
					path = filepath.Join(path, file)
				}
				return os.Truncate(path, keep)
			}}
	}
	gguf := lazy("m.gguf", func() files { return files{"m.gguf": baseGGUF(nil, nil, tF32)} })
	hf := lazy("", func() files { return baseFiles(baseConfig(), baseTensors()) })
	index := lazy("", func() files {
		fs := baseFiles(baseConfig(), baseTensors())
		fs["m1.safetensors"] = fs["model.safetensors"]
		delete(fs, "model.safetensors")
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(baseTensors())) {
			pairs = append(pairs, name, "m1.safetensors")
		}
		fs[indexName] = weightMap(pairs...)
		return fs
	})
	split := lazy(splitName(0, 2), func() files {
		big := func(tensor string, kvs ...[]byte) []byte {
			return assemble(kvs, [][]byte{info(tensor, tF32, 0, 1<<16)}, 32, make([]byte, 4<<16))
		}
		return files{splitName(0, 2): big("a", append([][]byte{arch}, splitKV(0, 2, 2)...)...), splitName(1, 2): big("b", splitKV(1, 2, 2)...)}
	})
	return []Case{
		c("gguf-to-nothing", GGUF, gguf, "", 0), c("gguf-to-header", GGUF, gguf, "", 4096), c("gguf-in-half", GGUF, gguf, "", 1<<18),
		c("split-second", GGUF, split, splitName(1, 2), 4096),
		c("safetensors-to-nothing", Folder, hf, "model.safetensors", 0), c("safetensors-in-half", Folder, hf, "model.safetensors", 1<<18),
		c("shard", Index, index, "m1.safetensors", 4096),
	}
}
