package bundles

import (
	"fmt"
	"strings"
)

// manifestCases: everything in the manifest but the weight index.
func manifestCases() []Case {
	set := func(name, want string, f func(m object)) Case {
		return Case{Name: "manifest/" + name, Want: want, Break: edit(f)}
	}
	raw := func(name, want string, f func(string) string) Case {
		return Case{Name: "manifest/" + name, Want: want, Break: text(f)}
	}
	meta := func(name, want, key string, v any) Case {
		return set(name, want, func(m object) { m["meta"].(object)[key] = v })
	}
	seg := func(name, want string, i int, f func(s object)) Case {
		return set(name, want, func(m object) { f(workflow(m)[i].(object)) })
	}
	file := func(name, want string, f func(x object)) Case {
		return set(name, want, func(m object) { f(entry(m, "files", 0)) })
	}
	name := func(bad, want string) Case {
		return file(fmt.Sprintf("file-name-%.20q", bad), want, func(x object) { x["name"] = bad })
	}
	return []Case{
		raw("empty", manifest, func(string) string { return "" }),
		raw("not-json", manifest, func(string) string { return "\x00\x01\x02" }),
		raw("truncated", manifest, func(s string) string { return s[:len(s)/2] }),
		raw("trailing-text", "after the JSON value", func(s string) string { return s + "{}" }),
		raw("list", "not JSON as a manifest should be", func(string) string { return "[]" }),
		raw("null", "format", func(string) string { return "null" }),
		raw("deep", "nested", func(string) string { return strings.Repeat(`{"meta":`, 100000) }),
		raw("deep-list", "nested", func(string) string { return strings.Repeat("[", 1<<20) }),
		raw("duplicate-key", "duplicate", func(s string) string { return strings.Replace(s, `"format"`, `"format": "x", "format"`, 1) }),
		raw("duplicate-nested-key", "duplicate", func(s string) string { return strings.Replace(s, `"arch"`, `"arch": "x", "arch"`, 1) }),
		raw("other-case", "unknown field", func(s string) string { return strings.Replace(s, `"target"`, `"Target"`, 1) }),
		raw("huge-number", "manifest", func(s string) string { return strings.Replace(s, `"bytes": `, `"bytes": 1e30, "x": `, 1) }),
		raw("beyond-int64", "bytes", func(s string) string {
			i := strings.Index(s, `"bytes": `) + len(`"bytes": `)
			return s[:i] + "9223372036854775808" + s[i+strings.IndexAny(s[i:], ",\n"):]
		}),
		raw("fraction", "bytes", func(s string) string {
			i := strings.Index(s, `"bytes": `) + len(`"bytes": `)
			return s[:i] + "1.5" + s[i+strings.IndexAny(s[i:], ",\n"):]
		}),
		raw("empty-entries", "entries", func(string) string {
			return `{"format":"tessera-bundle","version":0,"weights":[{}` + strings.Repeat(",{}", 300000) + "]}"
		}),
		raw("git-lfs", "git-lfs", func(string) string { return "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n" }),
		set("no-format", "not a Tessera bundle", func(m object) { delete(m, "format") }),
		set("wrong-format", "not a Tessera bundle", func(m object) { m["format"] = "other" }),
		set("no-version", "version none", func(m object) { delete(m, "version") }),
		set("newer-version", "convert the checkpoint again", func(m object) { m["version"] = 1 }),
		set("negative-version", "version -1", func(m object) { m["version"] = -1 }),
		set("version-string", "version", func(m object) { m["version"] = "0" }),
		set("unknown-feature", "needs feature", func(m object) { m["features"] = []string{"p16", "warp-drive"} }),
		set("unknown-field", "unknown field", func(m object) { m["surprise"] = 1 }),
		set("unknown-nested-field", "unknown field", func(m object) { m["source"].(object)["surprise"] = 1 }),
		set("no-graphs", "no graphs", func(m object) { m["graphs"] = []any{} }),
		set("graphs-object", "graphs", func(m object) { m["graphs"] = object{} }),
		set("no-segments", "0 segments", func(m object) { entry(m, "graphs", 0)["segments"] = []any{} }),
		set("segments-object", "segments", func(m object) { entry(m, "graphs", 0)["segments"] = object{} }),
		set("target-twice", "two lists", func(m object) { m["graphs"] = append(list(m, "graphs"), entry(m, "graphs", 0)) }),
		set("no-files", "not listed", func(m object) { m["files"] = nil }),
		set("no-meta", "vocabulary", func(m object) { delete(m, "meta") }),
		meta("vocab-zero", "vocabulary is 0", "vocab", 0), meta("vocab-negative", "vocabulary is -1", "vocab", -1), meta("vocab-huge", "vocabulary", "vocab", 1<<40),
		meta("layers-huge", "layers", "layers", 1<<40), meta("hidden-zero", "hidden", "hidden", 0), meta("context-negative", "context", "context_length", -1),
		meta("kv-unknown", `cache type "f64": want f32`, "kv_type", "f64"), meta("kv-half", `cache type "f16/": want f32`, "kv_type", "f16/"), meta("kv-empty", `cache type "": want f32`, "kv_type", ""),
		meta("kv-twice", `cache type is "f16/f16", want "f16"`, "kv_type", "f16/f16"), meta("kv-v-unknown", `cache type "f16/q3": want f32`, "kv_type", "f16/q3"), meta("bos-outside", "bos", "bos", 1<<20), meta("stop-outside", "stop id", "stop", []int{-1}),
		seg("segment-twice", "used twice", 1, func(s object) { s["name"] = "embed" }),
		seg("segment-no-name", "segment name", 1, func(s object) { s["name"] = "" }),
		seg("segment-other-name", "the manifest says", 1, func(s object) { s["name"] = "other" }),
		seg("segment-unknown-kind", "has kind", 1, func(s object) { s["kind"] = "engine" }),
		seg("segment-other-kind", "the manifest says", 1, func(s object) { s["kind"] = "logit" }),
		seg("segment-file-missing", "not listed", 1, func(s object) { s["file"] = "nothing.seg" }),
		seg("segment-file-escapes", "not listed", 1, func(s object) { s["file"] = "../embed.seg" }),
		seg("segment-file-of-other", "the manifest says", 1, func(s object) { s["file"] = "topk.seg" }),
		seg("segment-file-is-weights", "not a segment", 1, func(s object) { s["file"] = "decoder-0.bin" }),
		seg("segment-weights-missing", "not listed", 1, func(s object) { s["weights"] = "nothing.bin" }),
		seg("segment-weights-none", "not in the index", 1, func(s object) { s["weights"] = "" }),
		seg("segment-weights-not-padded", "multiple of", 1, func(s object) { s["weights"] = "embed.seg" }),
		seg("segment-inputs", "the manifest says", 1, func(s object) { s["inputs"] = []string{"tokens"} }),
		seg("segment-outputs", "the manifest says", 1, func(s object) { s["outputs"] = []string{"x", "y"} }),
		seg("segment-states", "the manifest says", 1, func(s object) { s["states"] = []string{} }),
		file("file-no-digest", "digest", func(x object) { delete(x, "sha256") }),
		file("file-bad-digest", "digest", func(x object) { x["sha256"] = strings.Repeat("g", 64) }),
		file("file-negative", "bytes", func(x object) { x["bytes"] = -1 }),
		file("file-larger", "damaged or incomplete", func(x object) { x["bytes"] = x["bytes"].(float64) + 16384 }),
		file("file-huge", "bytes", func(x object) { x["bytes"] = 1 << 52 }),
		set("file-twice", "twice", func(m object) { m["files"] = append(list(m, "files"), entry(m, "files", 0)) }),
		name("", "empty file name"), name("..", "plain name"), name("../../etc/passwd", "plain name"), name("/etc/passwd", "plain name"), name("a\\b", "plain name"),
		name("C:x", "plain name"), name("a\x00b", "plain name"), name(strings.Repeat("n", 300), "300 bytes"), name(manifest, "is the manifest"), name("absent.bin", "not listed"),
		{Name: "manifest/two-orders", Stage: Run, Want: "made by no earlier segment", Break: edit(func(m object) { s := workflow(m); s[0], s[1] = s[1], s[0] })},
		{Name: "manifest/segment-left-out", Stage: Run, Want: "made by no earlier segment", Break: edit(func(m object) { s := workflow(m); entry(m, "graphs", 0)["segments"] = append(s[:1:1], s[2:]...) })},
		{Name: "manifest/unknown-target", Want: `"abacus"`, Break: edit(func(m object) { entry(m, "graphs", 0)["target"] = "abacus" })},
	}
}

// indexCases: the weight index.
func indexCases() []Case {
	at := func(name, want string, f func(w object)) Case {
		return Case{Name: "index/" + name, Want: want, Break: edit(func(m object) {
			for _, w := range list(m, "weights") {
				if w := w.(object); w["form"] == "p16" && w["file"] == "decoder-0.bin" {
					f(w)
					return
				}
			}
			panic("bundles: no packed weight in decoder-0.bin")
		})}
	}
	num := func(w object, key string) float64 { return w[key].(float64) }
	return []Case{
		at("no-name", "weight name", func(w object) { w["name"] = "" }),
		at("long-name", "weight name", func(w object) { w["name"] = strings.Repeat("w", 5000) }),
		at("other-name", "not in the index", func(w object) { w["name"] = "other" }),
		at("file-missing", "not listed", func(w object) { w["file"] = "nothing.bin" }),
		at("file-escapes", "not listed", func(w object) { w["file"] = "../../weights.bin" }),
		at("negative-offset", "offset", func(w object) { w["offset"] = -64 }),
		at("unaligned", "multiples of 64", func(w object) { w["offset"] = num(w, "offset") + 32 }),
		at("beyond-the-file", "offset", func(w object) { w["offset"] = 1 << 40 }),
		at("offset-overflows", "offset", func(w object) { w["offset"] = int64(1)<<62 + 1<<61 }),
		at("negative-bytes", "bytes -1", func(w object) { w["bytes"] = -1 }),
		at("fewer-bytes", "want", func(w object) { w["bytes"] = num(w, "bytes") - 64 }),
		at("more-bytes", "bytes", func(w object) { w["bytes"] = num(w, "bytes") + 64 }),
		at("unknown-type", "\"q9_9\"", func(w object) { w["type"] = "q9_9" }),
		at("other-type", "want", func(w object) { w["type"] = "f32" }),
		at("type-without-form", "p16", func(w object) { w["type"] = "i8" }),
		at("unknown-form", "packing form", func(w object) { w["form"] = "p99" }),
		at("no-shape", "shape", func(w object) { w["shape"] = []int{} }),
		at("rank-1", "shape", func(w object) { w["shape"], w["rows"] = []int{16}, []int{16} }),
		at("rank-9", "shape", func(w object) { w["shape"] = []int{1, 1, 1, 1, 1, 1, 1, 1, 16} }),
		at("negative-shape", "rows", func(w object) { w["shape"] = []int{-16, 256} }),
		at("zero-shape", "rows", func(w object) { w["shape"] = []int{0, 256} }),
		at("zero-k", "channels", func(w object) { w["shape"].([]any)[1] = 0 }),
		at("shape-overflows", "rows", func(w object) { w["shape"] = []int64{1 << 62, 1 << 62} }),
		at("sizes-overflow", "overflows", func(w object) { w["shape"], w["rows"] = []int64{1 << 60, 1 << 60}, []int64{1 << 60} }),
		at("k-not-whole-blocks", "channels", func(w object) { w["shape"].([]any)[1] = 100 }),
		at("other-k", "want", func(w object) { w["shape"].([]any)[1] = 512 }),
		at("no-rows", "member rows", func(w object) { w["rows"] = []int{} }),
		at("zero-row-member", "member rows", func(w object) { w["rows"] = append(w["rows"].([]any), 0) }),
		at("negative-row-member", "member rows", func(w object) { w["rows"] = []int{-16, 1 << 20} }),
		at("rows-overflow", "member rows", func(w object) { w["rows"] = []int64{1 << 62, 1 << 62, 1 << 62, 1 << 62} }),
		at("other-members", "graph breaks", func(w object) { // the same panels, cut elsewhere
			n := w["shape"].([]any)[0].(float64)
			w["rows"] = []float64{16, n - 16}
		}),
		{Name: "index/twice", Want: "stands twice", Break: edit(func(m object) { m["weights"] = append(list(m, "weights"), list(m, "weights")[0]) })},
		{Name: "index/overlap", Want: "overlaps", Break: edit(func(m object) {
			w := list(m, "weights")
			for i := range w[1:] {
				if a, b := w[i].(object), w[i+1].(object); a["file"] == b["file"] {
					b["offset"] = a["offset"]
					return
				}
			}
		})},
		{Name: "index/not-sorted", Want: "overlaps", Break: edit(func(m object) {
			w := list(m, "weights")
			for i := range w[1:] {
				if w[i].(object)["file"] == w[i+1].(object)["file"] {
					w[i], w[i+1] = w[i+1], w[i]
					return
				}
			}
		})},
		{Name: "index/empty", Want: "not in the index", Break: edit(func(m object) { m["weights"] = []any{} })},
	}
}
