package hostile

import (
	"bytes"
	"math"
	"strings"
)

// ggufHeaderCases: magic, version, counts and truncation of the header.
func ggufHeaderCases() []Case {
	c := func(name, want string, data []byte) Case { return ggufCase(name, Container, want, data) }
	good := withKV(kvU32("a", 1))
	version := func(v uint32) []byte { return cat([]byte("GGUF"), u32(v), good[8:]) }
	cases := []Case{
		ggufCase("empty", Checkpoint, "empty file", nil),
		ggufCase("one-byte", Checkpoint, "neither GGUF nor safetensors", []byte("G")),
		ggufCase("magic-wrong", Checkpoint, "neither GGUF nor safetensors", append([]byte("GGUG"), good[4:]...)),
		ggufCase("magic-reversed", Checkpoint, "neither GGUF nor safetensors", append([]byte("FUGG"), good[4:]...)),
		ggufCase("web-page", Checkpoint, "neither GGUF nor safetensors", []byte("<!DOCTYPE html><html>404</html>")),
		ggufCase("lfs-pointer", Checkpoint, "git lfs pull", lfsPointer),
		c("magic-ggml", "from before GGUF", append([]byte("lmgg"), good[4:]...)),
		c("magic-ggjt", "from before GGUF", append([]byte("tjgg"), good[4:]...)),
		c("magic-only", "truncated", good[:4]),
		c("version-0", "version 0 is not supported", version(0)),
		c("version-1", "version 1 is not supported", version(1)),
		c("version-4", "version 4 is not supported", version(4)),
		c("version-huge", "is not supported", version(math.MaxUint32)),
		c("big-endian-v3", "big-endian", version(3<<24)),
		c("big-endian-v2", "big-endian", version(2<<24)),
		c("tensors-huge", "announces", cat(head(1<<40, 0), make([]byte, 64))),
		c("tensors-negative", "announces", cat(head(1<<63, 0), make([]byte, 64))),
		c("tensors-max", "announces", cat(head(math.MaxUint64, 0), make([]byte, 64))),
		c("tensors-beyond-file", "has room for", cat(head(100, 0), make([]byte, 64))),
		c("keys-huge", "announces", cat(head(0, 1<<40), make([]byte, 64))),
		c("keys-max", "announces", cat(head(0, math.MaxUint64), make([]byte, 64))),
		c("keys-beyond-file", "has room for", cat(head(0, 100), make([]byte, 64))),
		c("both-huge", "announces", cat(head(math.MaxUint64, math.MaxUint64), make([]byte, 64))),
		c("one-key-missing", "has room for", cat(head(0, 1))),
		c("one-tensor-missing", "truncated", cat(head(1, 1), arch)),
		{Name: "gguf/zeros-after-header", Format: GGUF, Layer: Container, Want: "empty key",
			Write: with(in("m.gguf", files{"m.gguf": head(0, 1<<14)}), sparse("m.gguf", 64<<20))},
		{Name: "gguf/zero-tensors-after-header", Format: GGUF, Layer: Container, Want: "empty name",
			Write: with(in("m.gguf", files{"m.gguf": head(1<<16, 0)}), sparse("m.gguf", 64<<20))},
	}
	long := withTensors(64, info("t", tF32, 0, 4, 4))
	long = long[:bytes.LastIndexByte(long[:len(long)-64], 't')+1+4+16+4+8] // end of the header
	for _, cut := range []int{6, 12, 20, 26, 40, 50, len(long) - 40, len(long) - 20, len(long) - 9, len(long) - 1} {
		want := "truncated"
		if cut > 24 && cut < 50 {
			want = "room for"
		}
		cases = append(cases, c(named("truncated-at-%d", cut), want, long[:cut]))
	}
	return cases
}

// ggufValueCases: metadata entries.
func ggufValueCases() []Case {
	c := func(name, want string, extra ...[]byte) Case {
		return ggufCase(name, Container, want, withKV(extra...))
	}
	tail := make([]byte, 32)
	array := func(elem uint32, n uint64, payload ...[]byte) []byte {
		return kv("a", vArray, u32(elem), u64(n), cat(payload...))
	}
	align := func(typ uint32, payload []byte) []byte { return kv("general.alignment", typ, payload) }
	return []Case{
		c("key-empty", "empty key", kvU32("", 1)),
		c("key-too-long", "at most 65535", kvU32(strings.Repeat("k", 70000), 1)),
		c("key-beyond-file", "at most 65535", cat(u64(1<<40), tail)),
		c("key-length-max", "at most 65535", cat(u64(math.MaxUint64), tail)),
		c("key-length-cut", "bytes needed", cat(u64(60000), tail)),
		c("key-invalid-utf8", "not valid UTF-8", kvU32("k\xff\xfe", 1)),
		c("key-duplicate", `duplicate key "a"`, kvU32("a", 1), kvU32("a", 2)),
		c("key-duplicate-architecture", `duplicate key "general.architecture"`, arch),
		c("type-13", "unknown value type 13", kv("a", 13, tail)),
		c("type-max", "unknown value type 4294967295", kv("a", math.MaxUint32, tail)),
		c("string-beyond-file", "at most", kv("a", vString, u64(1<<40), tail)),
		c("string-length-max", "at most", kv("a", vString, u64(math.MaxUint64), tail)),
		c("string-length-negative", "at most", kv("a", vString, u64(1<<63), tail)),
		c("string-cut", "bytes needed", kv("a", vString, u64(1000), tail)),
		c("bool-2", "want 0 or 1", kv("a", vBool, []byte{2}, tail)),
		ggufCase("u64-cut", Container, "8 bytes needed", cat(head(0, 2), arch, kv("a", vU64, []byte{1, 2, 3}))),
		c("array-of-type-13", "unknown value type 13", array(13, 1, tail)),
		c("array-nested", "nested arrays", array(vArray, 1, u32(vU8), u64(1), tail)),
		c("array-nested-empty", "nested arrays", array(vArray, 0, tail)),
		c("array-count-huge", "has room for", array(vU8, 1<<62, tail)),
		c("array-count-max", "has room for", array(vU8, math.MaxUint64, tail)),
		c("array-count-overflow", "has room for", array(vU64, 1<<61+1, tail)),
		c("array-count-overflow-f64", "has room for", array(vF64, 1<<61, tail)),
		c("array-cut", "has room for", array(vU32, 1000, tail)),
		c("array-bool-7", "want 0 or 1", array(vBool, 4, []byte{0, 1, 7, 0}, tail)),
		c("strings-count-huge", "has room for", array(vString, 1<<60, tail)),
		c("strings-second-beyond-file", "string 1 of 3", array(vString, 3, gstr("ok"), u64(1<<30), tail)),
		c("strings-length-overflow", "string 0 of 2", array(vString, 2, u64(math.MaxUint64-7), tail)),
		c("alignment-0", "power of two", align(vU32, u32(0))),
		c("alignment-3", "power of two", align(vU32, u32(3))),
		c("alignment-48", "power of two", align(vU32, u32(48))),
		c("alignment-2^31", "power of two", align(vU32, u32(1<<31))),
		c("alignment-u64", "want u32", align(vU64, u64(32))),
		c("alignment-string", "want u32", align(vString, gstr("32"))),
		c("alignment-array", "want u32", align(vArray, cat(u32(vU32), u64(1), u32(32)))),
		ggufCase("no-architecture", Checkpoint, "no general.architecture", assemble([][]byte{kvU32("a", 1)}, nil, 32, nil)),
		ggufCase("architecture-number", Checkpoint, "no general.architecture", assemble([][]byte{kvU32("general.architecture", 1)}, nil, 32, nil)),
		ggufCase("architecture-empty", Checkpoint, "no general.architecture", assemble([][]byte{kvString("general.architecture", "")}, nil, 32, nil)),
	}
}

// ggufTensorCases: tensor infos and where their data lie.
func ggufTensorCases() []Case {
	c := func(name, want string, bytes int, infos ...[]byte) Case {
		return ggufCase(name, Container, want, withTensors(bytes, infos...))
	}
	one := func(typ uint32, ne ...uint64) []byte { return info("t", typ, 0, ne...) }
	return []Case{
		c("name-empty", "empty name", 64, info("", tF32, 0, 4)),
		c("name-64-bytes", "at most 63", 64, info(strings.Repeat("n", 64), tF32, 0, 4)),
		c("name-length-max", "at most 63", 64, cat(u64(math.MaxUint64), make([]byte, 64))),
		c("name-invalid-utf8", "not valid UTF-8", 64, info("t\xc3\x28", tF32, 0, 4)),
		c("name-duplicate", "listed twice", 64, info("t", tF32, 0, 4), info("t", tF32, 32, 4)),
		c("rank-5", "at most 4", 64, one(tF32, 1, 1, 1, 1, 1)),
		c("rank-max", "at most 4", 64, cat(gstr("t"), u32(math.MaxUint32), make([]byte, 64))),
		c("shape-product-overflow", "overflows", 64, one(tF32, 1<<32, 1<<32)),
		c("shape-product-overflow-3", "overflows", 64, one(tF32, 1<<31, 1<<31, 4)),
		c("shape-size-overflow", "overflows", 64, one(tF32, 1<<62)),
		c("shape-negative", "beyond int64", 64, one(tF32, 1<<63)),
		c("shape-minus-one", "beyond int64", 64, one(tF32, math.MaxUint64)),
		c("shape-wraps-to-small", "overflows", 64, one(tF32, 1<<32+1, 1<<32-1, 1<<32+1, 1<<32-1)),
		c("shape-huge-but-fits-int64", "the file ends at", 64, one(tF32, 1<<40)),
		c("type-4-removed", "q4_2", 64, one(4, 32)),
		c("type-31-removed", "q4_0_4_4", 64, one(31, 32)),
		c("type-36-removed", "iq4_nl_4_4", 64, one(36, 32)),
		c("type-43", "unknown ggml type 43", 64, one(43, 32)),
		c("type-negative", "unknown ggml type 4294967295", 64, one(math.MaxUint32, 32)),
		c("q4_k-partial-block", "whole q4_k blocks of 256", 64, one(tQ4_K, 100)),
		c("q8_0-partial-block", "whole q8_0 blocks of 32", 64, one(tQ8_0, 33, 2)),
		c("q4_k-scalar", "whole q4_k blocks", 144, one(tQ4_K)),
		c("offset-unaligned", "not a multiple of the alignment", 128, info("t", tF32, 0, 8), info("u", tF32, 33, 4)),
		c("offset-first-not-0", "leaves a hole", 128, info("t", tF32, 32, 4)),
		c("offset-hole", "leaves a hole", 256, info("t", tF32, 0, 4), info("u", tF32, 64, 4)),
		c("offset-overlap", "overlaps", 256, info("t", tF32, 0, 16), info("u", tF32, 32, 4)),
		c("offset-same", "overlaps", 256, info("t", tF32, 0, 16), info("u", tF32, 0, 16)),
		c("offset-overflow", "leaves a hole", 64, info("t", tF32, math.MaxUint64-31, 4)),
		c("offset-negative", "leaves a hole", 64, info("t", tF32, 1<<63, 4)),
		c("offset-backwards", "overlaps", 256, info("t", tF32, 0, 8), info("u", tF32, 32, 8), info("v", tF32, 0, 8)),
		c("data-missing", "the file ends at", 0, one(tF32, 4)),
		c("data-one-byte-short", "the file ends at", 63, one(tF32, 16)),
		c("data-second-short", "the file ends at", 80, one(tF32, 16), info("u", tF32, 64, 8)),
	}
}
