package bundles

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
)

// fileCases: files that are missing, of another size or no files.
func fileCases() []Case {
	do := func(name, want string, f func(dir string) error) Case {
		return Case{Name: "file/" + name, Want: want, Break: f}
	}
	in := func(dir, name string) string { return filepath.Join(dir, name) }
	cases := []Case{
		do("no-manifest", "not a bundle", func(dir string) error { return os.Remove(in(dir, manifest)) }),
		do("no-segment", "embed.seg", func(dir string) error { return os.Remove(in(dir, "embed.seg")) }),
		do("no-weights", "decoder-0.bin", func(dir string) error { return os.Remove(in(dir, "decoder-0.bin")) }),
		do("shorter-weights", "damaged or incomplete", func(dir string) error { return os.Truncate(in(dir, "decoder-0.bin"), 16384) }),
		do("empty-weights", "damaged or incomplete", func(dir string) error { return os.Truncate(in(dir, "shared.bin"), 0) }),
		do("longer-weights", "damaged or incomplete", func(dir string) error { return os.Truncate(in(dir, "shared.bin"), 1<<30) }),
		do("shorter-segment", "damaged or incomplete", func(dir string) error { return os.Truncate(in(dir, "topk.seg"), 10) }),
		do("segment-is-folder", "regular file", func(dir string) error {
			if err := os.Remove(in(dir, "topk.seg")); err != nil {
				return err
			}
			return os.Mkdir(in(dir, "topk.seg"), 0o755)
		}),
		do("weights-are-folder", "regular file", func(dir string) error {
			if err := os.Remove(in(dir, "shared.bin")); err != nil {
				return err
			}
			return os.Mkdir(in(dir, "shared.bin"), 0o755)
		}),
		do("huge-segment", "at most", func(dir string) error {
			if err := os.Truncate(in(dir, "topk.seg"), 1<<40); err != nil {
				return err
			}
			return edit(func(m object) {
				for _, x := range list(m, "files") {
					if x := x.(object); x["name"] == "topk.seg" {
						x["bytes"] = int64(1) << 40
					}
				}
			})(dir)
		}),
		do("huge-manifest", "at most", func(dir string) error { return os.Truncate(in(dir, manifest), 1<<40) }),
	}
	if runtime.GOOS != "windows" {
		link := func(name, file, to, want string) Case {
			return do(name, want, func(dir string) error {
				if err := os.Remove(in(dir, file)); err != nil {
					return err
				}
				return os.Symlink(to, in(dir, file))
			})
		}
		cases = append(cases,
			link("link-out", "shared.bin", "/etc/passwd", "leaves the folder"),
			link("link-up", "shared.bin", "../other.bin", "broken symbolic link"),
			link("link-loop", "shared.bin", "shared.bin", "broken symbolic link"),
			link("link-to-device", "shared.bin", "/dev/zero", "leaves the folder"),
			link("manifest-link-out", manifest, "/etc/passwd", "leaves the folder"),
		)
	}
	return cases
}

// contentCases: content that only a search of the weights finds, or that a run
// meets.
func contentCases() []Case {
	half := func(h uint16) func(dir string) error {
		return replace("decoder-0.bin", func(data []byte) []byte {
			for i := range 4096 { // over scales and values: every type has scales among them
				binary.LittleEndian.PutUint16(data[len(data)/4/64*64+2*i:], h)
			}
			return data
		})
	}
	return []Case{
		{Name: "content/flipped-bit", Stage: Check, Want: "does not have the content", Break: func(dir string) error {
			path := filepath.Join(dir, "decoder-0.bin")
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(path, data, 0o644)
		}},
		{Name: "content/nan-scales", Stage: Check, Want: "NaN or Inf", Break: half(0x7e00)},
		{Name: "content/inf-scales", Stage: Check, Want: "NaN or Inf", Break: half(0x7c00)},
	}
}
