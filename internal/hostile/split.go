package hostile

import "fmt"

// splitKV are the split keys of shard no of count.
func splitKV(no, count uint16, tensors uint32) [][]byte {
	return [][]byte{kv("split.no", vU16, u16(no)), kv("split.count", vU16, u16(count)), kv("split.tensors.count", vI32, u32(tensors))}
}

// shard is a file with the given entries and one f32 tensor of 4 elements.
func shard(tensor string, kvs ...[]byte) []byte {
	return assemble(kvs, [][]byte{info(tensor, tF32, 0, 4)}, 32, make([]byte, 16))
}

func splitName(no, count int) string { return fmt.Sprintf("m-%05d-of-%05d.gguf", no+1, count) }

// splitCases: splits whose shards disagree.
func splitCases() []Case {
	type edit func(fs files)
	// Two sound shards, then one edit; the first is opened.
	c := func(name, want string, e edit) Case {
		fs := files{
			splitName(0, 2): shard("a", append([][]byte{arch}, splitKV(0, 2, 2)...)...),
			splitName(1, 2): shard("b", splitKV(1, 2, 2)...),
		}
		e(fs)
		return Case{Name: "split/" + name, Format: GGUF, Layer: Container, Want: want, Write: in(splitName(0, 2), fs)}
	}
	first := func(kvs ...[]byte) edit {
		return func(fs files) { fs[splitName(0, 2)] = shard("a", append([][]byte{arch}, kvs...)...) }
	}
	second := func(tensor string, kvs ...[]byte) edit {
		return func(fs files) { fs[splitName(1, 2)] = shard(tensor, kvs...) }
	}
	raw := func(data []byte) edit { return func(fs files) { fs[splitName(1, 2)] = data } }
	good := splitKV(0, 2, 2)
	cases := []Case{
		c("second-missing", "shard 2 of 2", func(fs files) { delete(fs, splitName(1, 2)) }),
		c("second-count-3", "split.count is 3, the first shard says 2", second("b", splitKV(1, 3, 2)...)),
		c("second-number-0", "split.no is 0, its name says 1", second("b", splitKV(0, 2, 2)...)),
		c("second-number-absent", "split.no is absent", second("b", splitKV(1, 2, 2)[1:]...)),
		c("second-is-whole", "the first shard says 2", second("b")),
		c("second-has-same-tensor", "is also in", second("a", splitKV(1, 2, 2)...)),
		c("second-not-gguf", "not a GGUF file", raw([]byte("something else"))),
		c("second-empty", "not a GGUF file", raw(nil)),
		c("second-truncated", "truncated", raw(shard("b", splitKV(1, 2, 2)...)[:90])),
		c("second-data-short", "the file ends at", func(fs files) {
			b := shard("b", splitKV(1, 2, 2)...)
			fs[splitName(1, 2)] = b[:len(b)-1]
		}),
		c("second-lfs-pointer", "git lfs pull", raw(lfsPointer)),
		c("second-other-architecture", "the first shard says llama", second("b", append([][]byte{kvString("general.architecture", "qwen3")}, splitKV(1, 2, 2)...)...)),
		c("second-other-total", "the first shard says", second("b", splitKV(1, 2, 7)...)),
		c("total-too-large", "split.tensors.count", first(splitKV(0, 2, 3)...)),
		c("total-absent", "split.tensors.count is absent", func(fs files) { first(good[:2]...)(fs); second("b", splitKV(1, 2, 2)[:2]...)(fs) }),
		c("total-negative", "want an integer", func(fs files) { first(splitKV(0, 2, 1<<31)...)(fs); second("b", splitKV(1, 2, 1<<31)...)(fs) }),
		c("number-beyond-count", "want less than split.count", first(splitKV(2, 2, 2)...)),
		c("number-string", "want an integer", first(kvString("split.no", "0"), good[1], good[2])),
		c("count-string", "want an integer", first(good[0], kvString("split.count", "2"), good[2])),
		c("count-65535", "want an integer", first(splitKV(0, 65535, 2)...)),
		c("count-9999", "does not end in", first(splitKV(0, 9999, 2)...)),
		c("number-without-count", "is absent or 0", first(kv("split.no", vU16, u16(1)))),
		c("count-3-named-2", "does not end in", first(splitKV(0, 3, 2)...)),
	}
	whole := files{"m.gguf": shard("a", append([][]byte{arch}, good...)...), splitName(1, 2): shard("b", splitKV(1, 2, 2)...)}
	cases = append(cases,
		Case{Name: "split/first-renamed", Format: GGUF, Layer: Container, Want: "does not end in", Write: in("m.gguf", whole)},
		Case{Name: "split/opened-at-second", Format: GGUF, Layer: Container, Want: "open the first shard", Write: in(splitName(1, 2), whole)},
	)
	return cases
}
