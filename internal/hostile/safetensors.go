package hostile

import (
	"encoding/json"
	"fmt"
	"strings"
)

var lfsPointer = []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n")

// smallConfig is a config.json that checkpoints accept.
const smallConfig = `{"architectures":["LlamaForCausalLM"],"model_type":"llama"}`

// stFile is a file with a header and data.
func stFile(header string, data int) []byte {
	return cat(u64(uint64(len(header))), []byte(header), make([]byte, data))
}

// stCase is a folder whose only doubtful part is model.safetensors.
func stCase(name, want string, data []byte) Case {
	return Case{Name: "safetensors/" + name, Format: Safetensors, Layer: Container, Want: want,
		Write: in("", files{"config.json": []byte(smallConfig), "model.safetensors": data})}
}

// headerCases: length, JSON and __metadata__.
func headerCases() []Case {
	c := stCase
	ok := `"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	return []Case{
		c("empty", "want at least 8", nil),
		c("7-bytes", "want at least 8", make([]byte, 7)),
		c("length-0", "want '{'", make([]byte, 8)),
		c("length-0-with-data", "want '{'", make([]byte, 64)),
		c("length-beyond-file", "truncated", cat(u64(1000), []byte("{}"))),
		c("length-one-beyond-file", "truncated", cat(u64(3), []byte("{}"))),
		c("length-2^63", "at most 100000000", cat(u64(1<<63), []byte("{}"))),
		c("length-max", "at most 100000000", cat(u64(1<<64-1), []byte("{}"))),
		c("length-over-limit", "at most 100000000", cat(u64(100_000_001), []byte("{}"))),
		c("length-at-limit", "truncated", cat(u64(100_000_000), []byte("{}"))),
		c("lfs-pointer", "git lfs pull", lfsPointer),
		c("pickle", "at most 100000000", []byte("PK\x03\x04\x00\x00\x08\x08archive/data.pkl")),
		c("web-page", "at most 100000000", []byte("<!DOCTYPE html><html>404</html>")),
		c("gguf", "at most 100000000", withKV()),
		c("space-before-brace", "want '{'", stFile(` {`+ok+`}`, 1)),
		c("array", "want '{'", stFile(`[]`, 0)),
		c("json-cut", "want ',' or '}'", stFile(`{`+ok, 1)),
		c("json-trailing-comma", "want a key", stFile(`{`+ok+`,}`, 1)),
		c("json-two-values", "text after", stFile(`{`+ok+`}{}`, 1)),
		c("json-padded-with-zeros", "text after", stFile("{"+ok+"}\x00\x00\x00", 1)),
		c("json-single-quotes", "want a key", stFile(`{'a':1}`, 0)),
		c("json-comment", "want a key", stFile(`{/**/}`, 0)),
		c("name-not-utf8", "invalid UTF-8", stFile("{\"\xff\":{}}", 0)),
		c("name-control-character", "control character", stFile("{\"a\x01\":{}}", 0)),
		c("name-lone-surrogate", "lone surrogate", stFile(`{"\ud800":{}}`, 0)),
		c("name-duplicate", `duplicate key "a"`, stFile(`{`+ok+`,`+ok+`}`, 1)),
		c("name-duplicate-escaped", `duplicate key "a"`, stFile(`{`+ok+`,`+strings.Replace(ok, `"a"`, `"\u0061"`, 1)+`}`, 1)),
		c("metadata-duplicate", "duplicate key", stFile(`{"__metadata__":{},"__metadata__":{}}`, 0)),
		c("metadata-key-duplicate", "duplicate key", stFile(`{"__metadata__":{"k":"1","k":"2"}}`, 0)),
		c("metadata-number", "want a string", stFile(`{"__metadata__":{"k":1}}`, 0)),
		c("metadata-null", "want a string", stFile(`{"__metadata__":{"k":null}}`, 0)),
		c("metadata-nested", "want a string", stFile(`{"__metadata__":{"k":{"a":"b"}}}`, 0)),
		c("metadata-list", "want an object", stFile(`{"__metadata__":["k"]}`, 0)),
		c("metadata-deep", "want a string", stFile(`{"__metadata__":{"k":`+deep+`}}`, 0)),
		c("deep-entry", "want an object", stFile(`{"a":`+deep+`}`, 0)),
		c("deep-shape", "nested more than", stFile(`{"a":{"dtype":"U8","shape":[`+deep+`],"data_offsets":[0,1]}}`, 1)),
		c("deep-unclosed", "want an object", stFile(`{"a":`+strings.Repeat("[", 50000), 0)),
		{Name: "safetensors/zeros-for-header", Format: Safetensors, Layer: Container, Want: "want '{'",
			Write: with(in("", files{"config.json": []byte(smallConfig), "model.safetensors": u64(1 << 20)}), sparse("model.safetensors", 2<<20))},
	}
}

// entryCases: one tensor entry at a time.
func entryCases() []Case {
	c := func(name, want, entry string, data int) Case {
		return stCase(name, want, stFile(`{"a":`+entry+`}`, data))
	}
	e := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"dtype":%s,"shape":%s,"data_offsets":%s}`, dtype, shape, offsets)
	}
	shape := func(name, want, s string) Case { return c("shape-"+name, want, e(`"U8"`, s, "[0,1]"), 1) }
	return []Case{
		c("entry-number", "want an object", "1", 0),
		c("entry-null", "want an object", "null", 0),
		c("entry-string", "want an object", `"x"`, 0),
		c("entry-empty", "entry has 0 keys", "{}", 0),
		c("entry-no-dtype", "entry has 2 keys", `{"shape":[1],"data_offsets":[0,1]}`, 1),
		c("entry-no-shape", "entry has 2 keys", `{"dtype":"U8","data_offsets":[0,1]}`, 1),
		c("entry-no-offsets", "entry has 2 keys", `{"dtype":"U8","shape":[1]}`, 1),
		c("entry-unknown-key", `unknown key "extra"`, `{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1}`, 1),
		c("entry-two-dtypes", "duplicate key", `{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}`, 1),
		c("entry-5000-spaces", "at most 4096", e(`"U8"`, "[1"+strings.Repeat(" ", 5000)+"]", "[0,1]"), 1),
		c("dtype-unknown", `unsupported dtype "F5"`, e(`"F5"`, "[1]", "[0,1]"), 1),
		c("dtype-lower-case", `unsupported dtype "f32"`, e(`"f32"`, "[1]", "[0,4]"), 4),
		c("dtype-of-gguf", `unsupported dtype "Q4_K"`, e(`"Q4_K"`, "[256]", "[0,144]"), 144),
		c("dtype-empty", `unsupported dtype ""`, e(`""`, "[1]", "[0,1]"), 1),
		c("dtype-long", "unsupported dtype", e(`"`+strings.Repeat("F", 3000)+`"`, "[1]", "[0,1]"), 1),
		c("dtype-number", "want a string", e("32", "[1]", "[0,1]"), 1),
		shape("number", "want an array", "1"),
		shape("null", "want an array", "null"),
		shape("negative", "want an integer", "[-1]"),
		shape("float", "want an integer", "[1.0]"),
		shape("exponent", "want an integer", "[1e0]"),
		shape("string", "want an integer", `["1"]`),
		shape("nested", "want an integer", "[[1]]"),
		shape("nan", `found "NaN"`, "[NaN]"),
		shape("2^63", "want an integer", "[9223372036854775808]"),
		shape("1000-digits", "out of range", "["+strings.Repeat("9", 1000)+"]"),
		shape("200-digits", "want an integer", "["+strings.Repeat("9", 200)+"]"),
		shape("rank-9", "more than 8", "[1,1,1,1,1,1,1,1,1]"),
		shape("rank-10000", "more than 8", "["+strings.Repeat("1,", 9999)+"1]"),
		shape("overflow", "overflows", "[4294967296,4294967296]"),
		shape("too-large", "want 2 bytes", "[2]"),
		shape("zero-but-data", "want 0 bytes", "[0]"),
		c("shape-size-overflow", "overflows", e(`"F64"`, "[4611686018427387904]", "[0,8]"), 8),
		c("shape-wraps", "overflows", e(`"F32"`, "[4294967297,4294967295,4294967297,4294967295]", "[0,4]"), 4),
		c("f4-half-byte", "whole f4 blocks", e(`"F4"`, "[3]", "[0,2]"), 2),
		c("f6-partial", "whole f6_e2m3 blocks", e(`"F6_E2M3"`, "[3]", "[0,3]"), 3),
	}
}

// offsetCases: data_offsets, alone and against each other.
func offsetCases() []Case {
	one := func(name, want, offsets string, data int) Case {
		return stCase("offsets-"+name, want, stFile(`{"a":{"dtype":"U8","shape":[4],"data_offsets":`+offsets+`}}`, data))
	}
	two := func(name, want string, b1, e1, b2, e2, data int) Case {
		h := fmt.Sprintf(`{"a":{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]},"b":{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]}}`, e1-b1, b1, e1, e2-b2, b2, e2)
		return stCase("data-"+name, want, stFile(h, data))
	}
	return []Case{
		one("number", "want an array", "4", 4),
		one("three", "more than 2", "[0,4,8]", 4),
		one("one", "expected array of 2", "[4]", 4),
		one("none", "expected array of 2", "[]", 4),
		one("negative", "want an integer", "[-4,0]", 4),
		one("float", "want an integer", "[0,4.0]", 4),
		one("string", "want an integer", `["0","4"]`, 4),
		one("reversed", "want 4 bytes", "[4,0]", 4),
		one("too-short", "want 4 bytes", "[0,3]", 3),
		one("too-long", "want 4 bytes", "[0,5]", 5),
		one("2^64", "want an integer", "[0,18446744073709551616]", 4),
		one("near-2^63", "leave a hole", "[9223372036854775803,9223372036854775807]", 4),
		one("hole-at-start", "leave a hole of 4 bytes", "[4,8]", 8),
		one("beyond-file", "truncated: the header describes", "[0,4]", 3),
		one("no-data", "truncated: the header describes", "[0,4]", 0),
		one("trailing-byte", "1 bytes after the last tensor", "[0,4]", 5),
		two("overlap", "overlap", 0, 4, 2, 6, 6),
		two("same", "overlap", 0, 4, 0, 4, 4),
		two("inside", "overlap", 0, 8, 2, 4, 8),
		two("hole", "leave a hole of 2 bytes", 0, 4, 6, 8, 8),
		two("second-cut", "truncated", 0, 4, 4, 8, 7),
		stCase("data-without-tensors", "64 bytes after the last tensor", stFile(`{}`, 64)),
	}
}

// jsonOf marshals test values; they always can be.
func jsonOf(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
