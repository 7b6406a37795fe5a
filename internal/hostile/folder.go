package hostile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// folderCases: configuration, and folders that hold something else.
func folderCases() []Case {
	c := func(name, want string, fs files) Case {
		return Case{Name: "folder/" + name, Format: Folder, Layer: Checkpoint, Want: want, Write: in("", fs)}
	}
	config := func(name, want, text string) Case {
		return c("config-"+name, want, files{"config.json": []byte(text), "model.safetensors": oneTensor("a")})
	}
	beside := func(name string, data []byte) files {
		return files{"config.json": []byte(smallConfig), "model.safetensors": oneTensor("a"), name: data}
	}
	cfg := []byte(smallConfig)
	return []Case{
		c("nothing-useful", "no config.json", files{"README.md": nil}),
		c("no-weights", "no weights", files{"config.json": cfg}),
		c("gguf-only", "GGUF files", files{"m.gguf": withKV()}),
		c("pickle-only", "pickle", files{"config.json": cfg, "pytorch_model.bin": []byte("PK\x03\x04")}),
		c("pickle-shards-only", "pickle", files{"config.json": cfg, "pytorch_model-00001-of-00002.bin": nil, "pytorch_model.bin.index.json": nil}),
		c("consolidated-only", "consolidated", files{"params.json": []byte("{}"), "consolidated.00.safetensors": oneTensor("a")}),
		c("adapter-only", "adapter", files{"adapter_config.json": []byte("{}"), "adapter_model.safetensors": oneTensor("a")}),
		c("shards-without-index", "download is incomplete", files{"config.json": cfg, "model-00001-of-00002.safetensors": oneTensor("a")}),
		c("two-files-no-index", "several safetensors", files{"config.json": cfg, "x.safetensors": oneTensor("a"), "y.safetensors": oneTensor("a")}),
		config("empty", "found the end", ""),
		config("text", "want a value", "hello"),
		config("list", "want a JSON object", `[{"model_type":"llama"}]`),
		config("string", "want a JSON object", `"llama"`),
		config("cut", "want a key", smallConfig[:len(smallConfig)-1]+","),
		config("deep", "nested more than", `{"a":`+strings.Repeat(`{"a":`, 100)+`1`+strings.Repeat("}", 101)),
		config("deep-unclosed", "nested more than", `{"a":`+strings.Repeat("[", 1<<20)),
		config("nan", `found "NaN"`, `{"rms_norm_eps":NaN}`),
		config("infinity", `found "Infinity"`, `{"rope_theta":Infinity}`),
		config("number-out-of-range", "out of range", `{"rope_theta":1e999}`),
		config("number-1000-digits", "out of range", `{"vocab_size":`+strings.Repeat("9", 1000)+`}`),
		config("key-twice", "duplicate key", `{"hidden_size":8,"hidden_size":4096}`),
		config("nested-key-twice", "duplicate key", `{"rope_scaling":{"type":"a","type":"b"}}`),
		config("not-utf8", "invalid UTF-8", "{\"model_type\":\"\xff\"}"),
		config("architectures-string", "no list of strings", `{"architectures":"LlamaForCausalLM"}`),
		config("architectures-numbers", "is no string", `{"architectures":[1]}`),
		config("model-type-list", "no string", `{"model_type":["llama"]}`),
		config("lfs-pointer", "git lfs pull", string(lfsPointer)),
		{Name: "folder/config-too-large", Format: Folder, Layer: Checkpoint, Want: "at most",
			Write: with(in("", beside("x", nil)), sparse("config.json", 17<<20))},
		c("generation-config-cut", "generation_config.json", beside("generation_config.json", []byte(`{"top_p":`))),
		c("generation-config-list", "want a JSON object", beside("generation_config.json", []byte(`[]`))),
		c("config-is-folder", "not a regular file", files{"config.json/x": nil, "model.safetensors": oneTensor("a")}),
		c("weights-are-folder", "not a regular file", files{"config.json": cfg, "model.safetensors/x": nil}),
		{Name: "folder/tokenizer-too-large", Format: Folder, Layer: Tokenizer, Want: "at most",
			Write: with(in("", beside("tokenizer.json", nil)), sparse("tokenizer.json", 257<<20))},
		{Name: "folder/template-too-large", Format: Folder, Layer: Tokenizer, Want: "at most",
			Write: with(in("", beside("chat_template.jinja", nil)), sparse("chat_template.jinja", 5<<20))},
		{Name: "folder/tokenizer-lfs-pointer", Format: Folder, Layer: Tokenizer, Want: "git lfs pull", Write: in("", beside("tokenizer.json", lfsPointer))},
		{Name: "folder/templates-no-folder", Format: Folder, Layer: Tokenizer, Want: "not a folder", Write: in("", beside("additional_chat_templates", nil))},
	}
}

// linkCases: symbolic links and pipes, where the platform has them.
func linkCases() []Case {
	if runtime.GOOS == "windows" {
		return nil
	}
	// The folder lies in "in", what must not be reached in "out".
	c := func(name string, format Format, layer Layer, want, link, to string, fs files) Case {
		all := files{"out/config.json": []byte(smallConfig), "out/m.safetensors": oneTensor("a"), "out/m.gguf": shard("b", splitKV(1, 2, 2)...)}
		for n, data := range fs {
			all["in/"+n] = data
		}
		open := "in"
		if format == GGUF {
			open = "in/" + splitName(0, 2)
		}
		return Case{Name: "link/" + name, Format: format, Layer: layer, Want: want,
			Write: with(in(open, all), func(dir string) error { return os.Symlink(to, filepath.Join(dir, "in", link)) })}
	}
	cfg := files{"config.json": []byte(smallConfig)}
	index := files{"config.json": []byte(smallConfig), "m1.safetensors": oneTensor("a"),
		indexName: weightMap("a", "m1.safetensors", "b", "m2.safetensors")}
	split := files{splitName(0, 2): shard("a", append([][]byte{arch}, splitKV(0, 2, 2)...)...)}
	cases := []Case{
		c("shard-leaves-folder", Index, Container, "leaves the folder", "m2.safetensors", "../out/m.safetensors", index),
		c("shard-leaves-folder-absolute", Index, Container, "leaves the folder", "m2.safetensors", "/etc/hostname", index),
		c("shard-loop", Index, Container, "m2.safetensors", "m2.safetensors", "m2.safetensors", index),
		c("shard-dangling", Index, Container, "broken symbolic link", "m2.safetensors", "nowhere", index),
		c("shard-is-first-shard", Index, Container, "does not hold it", "m2.safetensors", "m1.safetensors", index),
		c("split-leaves-folder", GGUF, Container, "leaves the folder", splitName(1, 2), "../out/m.gguf", split),
		c("split-is-first-shard", GGUF, Container, "split.no is 0", splitName(1, 2), splitName(0, 2), split),
		c("split-dangling", GGUF, Container, "broken symbolic link", splitName(1, 2), "nowhere", split),
		c("weights-leave-folder", Folder, Checkpoint, "leaves the folder", "model.safetensors", "../out/m.safetensors", cfg),
		c("config-leaves-folder", Folder, Checkpoint, "leaves the folder", "config.json", "../out/config.json", files{"model.safetensors": oneTensor("a")}),
		c("config-dangling", Folder, Checkpoint, "broken symbolic link", "config.json", "nowhere", files{"model.safetensors": oneTensor("a")}),
		c("tokenizer-leaves-folder", Folder, Tokenizer, "leaves the folder", "tokenizer.json", "../out/config.json",
			files{"config.json": []byte(smallConfig), "model.safetensors": oneTensor("a")}),
	}
	pipe := func(name string, open string, want string, fs files) Case {
		return Case{Name: "pipe/" + name, Format: Folder, Layer: Checkpoint, Want: want,
			Write: with(in(open, fs), func(dir string) error {
				if err := mkfifo(filepath.Join(dir, name)); err != nil {
					return errors.Join(errors.New("mkfifo"), err)
				}
				return nil
			})}
	}
	return append(cases,
		pipe("config.json", "", "not a regular file", files{"model.safetensors": oneTensor("a")}),
		pipe("model.safetensors", "", "not a regular file", cfg),
		pipe("m.gguf", "m.gguf", "neither a folder nor a regular file", files{}),
	)
}
