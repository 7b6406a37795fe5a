package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const indexName = "model.safetensors.index.json"

// oneTensor is a safetensors file with one u8 tensor.
func oneTensor(name string) []byte {
	return stFile(fmt.Sprintf(`{%q:{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, name), 1)
}

// indexFiles is a folder with two sound shards and the given index.
func indexFiles(index []byte) files {
	return files{"config.json": []byte(smallConfig), "m1.safetensors": oneTensor("a"), "m2.safetensors": oneTensor("b"), indexName: index}
}

func weightMap(pairs ...string) []byte {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, string(jsonOf(pairs[i]))+":"+string(jsonOf(pairs[i+1])))
	}
	return []byte(`{"metadata":{"total_size":2},"weight_map":{` + strings.Join(parts, ",") + `}}`)
}

// indexCases: indexes and the shards they name.
func indexCases() []Case {
	raw := func(name, want string, index []byte) Case {
		return Case{Name: "index/" + name, Format: Index, Layer: Container, Want: want, Write: in("", indexFiles(index))}
	}
	file := func(name, want, f string) Case {
		return raw("file-"+name, want, weightMap("a", f, "b", "m2.safetensors"))
	}
	good := weightMap("a", "m1.safetensors", "b", "m2.safetensors")
	broken := func(name, want string, data []byte) Case {
		fs := indexFiles(good)
		fs["m2.safetensors"] = data
		return Case{Name: "index/shard-" + name, Format: Index, Layer: Container, Want: want, Write: in("", fs)}
	}
	var many []string
	for i := range 10001 {
		many = append(many, fmt.Sprintf("t%d", i), fmt.Sprintf("m%d", i))
	}
	missing := indexFiles(good)
	delete(missing, "m2.safetensors")
	return []Case{
		raw("empty", "want an object", nil),
		raw("text", "want an object", []byte("hello")),
		raw("list", "want an object", []byte("[]")),
		raw("cut", "want ',' or '}'", good[:len(good)-2]),
		raw("no-weight-map", "no weight_map", []byte(`{"metadata":{}}`)),
		raw("empty-weight-map", "no weight_map", []byte(`{"weight_map":{}}`)),
		raw("list-weight-map", "want an object", []byte(`{"weight_map":["m1.safetensors"]}`)),
		raw("two-weight-maps", "duplicate key", []byte(`{"weight_map":{"a":"m1.safetensors"},"weight_map":{"b":"m2.safetensors"}}`)),
		raw("number-for-file", "want a string", []byte(`{"weight_map":{"a":1}}`)),
		raw("list-for-file", "want a string", []byte(`{"weight_map":{"a":["m1.safetensors"]}}`)),
		raw("tensor-twice", "duplicate key", weightMap("a", "m1.safetensors", "a", "m2.safetensors")),
		raw("deep", "nested more than", []byte(`{"metadata":`+strings.Repeat("[", 100)+`]}`)),
		raw("not-utf8", "invalid UTF-8", []byte("{\"weight_map\":{\"\xff\":\"m1.safetensors\"}}")),
		raw("text-after", "text after", append(append([]byte(nil), good...), 'x')),
		raw("lfs-pointer", "git lfs pull", lfsPointer),
		raw("10001-shards", "at most 9999", weightMap(many...)),
		raw("names-itself", "names the index itself", weightMap("a", indexName)),
		file("parent", "not a plain name", "../m1.safetensors"),
		file("parent-alone", "not a plain name", ".."),
		file("dot", "not a plain name", "."),
		file("empty", "empty file name", ""),
		file("absolute", "not a plain name", "/etc/passwd"),
		file("subfolder", "not a plain name", "sub/m1.safetensors"),
		file("backslash", "not a plain name", `..\m1.safetensors`),
		file("drive", "not a plain name", "C:m1.safetensors"),
		file("nul", "not a plain name", "m1\x00.safetensors"),
		file("long", "at most 255", strings.Repeat("m", 300)),
		file("absent", "shard", "m3.safetensors"),
		raw("tensor-absent", "does not hold it", weightMap("a", "m1.safetensors", "c", "m2.safetensors")),
		raw("tensor-in-other-shard", "found in m1.safetensors", weightMap("b", "m2.safetensors", "a", "m2.safetensors", "x", "m1.safetensors")),
		broken("empty", "want at least 8", nil),
		broken("cut", "truncated", oneTensor("b")[:40]),
		broken("data-cut", "truncated", oneTensor("b")[:len(oneTensor("b"))-1]),
		broken("gguf", "not a safetensors file", withKV()),
		broken("lfs-pointer", "git lfs pull", lfsPointer),
		broken("index-again", "not a safetensors file", good),
		{Name: "index/shard-missing", Format: Index, Layer: Container, Want: "shard 2 of 2", Write: in("", missing)},
		{Name: "index/shard-is-folder", Format: Index, Layer: Container, Want: "not a regular file",
			Write: with(in("", missing), func(dir string) error { return os.Mkdir(filepath.Join(dir, "m2.safetensors"), 0o777) })},
		{Name: "index/too-large", Format: Index, Layer: Container, Want: "at most",
			Write: with(in("", indexFiles(good)), sparse(indexName, 65<<20))},
	}
}
