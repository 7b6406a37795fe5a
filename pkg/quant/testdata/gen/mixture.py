#!/usr/bin/env python3
"""Writes mixture.txt: the types that llama-quantize gives to every tensor.

  mixture.py --quantize path/to/llama-quantize

Per case a model of tensors without data (a sparse file) is run through
`llama-quantize --dry-run` for every target. Needs gguf.

mixture.txt: "case" lines carry the hyperparameters, "tensor" lines name, shape
(outermost first), type and, for blk.*, the layers. Then one line per target:
  target | type: tensors | type: tensors
of the tensors that change their type, without blk.*. and .weight; x is in all
layers that have it, x[0-3,6] in some of them.
"""
import argparse, os, re, subprocess, sys, tempfile
import numpy as np
import gguf

TARGETS = ["f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k_s", "q3_k_m", "q3_k_l",
           "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k", "iq4_nl", "iq4_xs", "mxfp4_moe"]
TYPES = {"f16": gguf.GGMLQuantizationType.F16, "f32": gguf.GGMLQuantizationType.F32, "bf16": gguf.GGMLQuantizationType.BF16}


def dense(h, kv, ff, head=64):
    nq, nkv = h, kv * head
    return [("blk.*.attn_norm.weight", (h,), "f32"), ("blk.*.attn_q.weight", (nq, h), "f16"),
            ("blk.*.attn_k.weight", (nkv, h), "f16"), ("blk.*.attn_v.weight", (nkv, h), "f16"),
            ("blk.*.attn_q.bias", (nq,), "f32"), ("blk.*.attn_output.weight", (h, nq), "f16"),
            ("blk.*.ffn_norm.weight", (h,), "f32"), ("blk.*.ffn_gate.weight", (ff, h), "f16"),
            ("blk.*.ffn_up.weight", (ff, h), "f16"), ("blk.*.ffn_down.weight", (h, ff), "f16")]


def moe(h, kv, ff, e):
    return dense(h, kv, ff)[:7] + [
        ("blk.*.ffn_gate_inp.weight", (e, h), "f32"), ("blk.*.ffn_gate_exps.weight", (e, ff, h), "f16"),
        ("blk.*.ffn_up_exps.weight", (e, ff, h), "f16"), ("blk.*.ffn_down_exps.weight", (e, h, ff), "f16")]


def model(h, blocks, tied=False, vocab=1024):
    ends = [("token_embd.weight", (vocab, h), "f16"), ("output_norm.weight", (h,), "f32")]
    return ends + ([] if tied else [("output.weight", (vocab, h), "f16")]) + blocks


def case(name, layers, tensors, arch="llama", experts=0, heads=16, kv=4, only=None):
    return dict(name=name, arch=arch, layers=layers, experts=experts, heads=heads, kv=kv, tensors=tensors, only=only or {})


CASES = [case("dense-%d" % n, n, model(1024, dense(1024, 4, 2816))) for n in (1, 2, 5, 8, 16, 22, 28, 36)] + [
    case("tied", 12, model(1024, dense(1024, 4, 3072), tied=True)),
    case("no-gqa", 9, model(1024, dense(1024, 16, 3072)), kv=16),
    case("70b", 80, model(1024, dense(1024, 2, 3072)), kv=2),
    case("65b", 80, model(1024, dense(1024, 16, 3072)), kv=16),
    case("k-576", 10, model(576, dense(576, 3, 1536), tied=True), heads=9, kv=3),
    case("k-896", 6, model(896, dense(896, 2, 4864)), heads=14, kv=2),
    case("k-odd", 3, model(1000, dense(1000, 4, 2000)), heads=20, kv=4),
    case("8-experts", 8, model(1024, moe(1024, 4, 1024, 8)), experts=8),
    case("16-experts", 10, model(1024, moe(1024, 4, 768, 16)), experts=16),
    case("fused-qkv", 9, model(1024, [t for t in dense(1024, 4, 2816) if not re.search("attn_[qkv]", t[0])]
                               + [("blk.*.attn_qkv.weight", (1536, 1024), "f16")])),
    case("some-attn-v", 20, model(1024, dense(1024, 4, 2816)), only={"blk.*.attn_v.weight": [i for i in range(20) if i % 5 != 4]}),
    case("bf16-extras", 6, model(1024, dense(1024, 4, 2816) + [("blk.*.inp_gate.weight", (256, 1024), "bf16"), ("blk.*.proj.weight", (1024, 256), "bf16")], tied=True)
         + [("per_layer_token_embd.weight", (1024, 1536), "bf16"), ("per_layer_model_proj.weight", (1536, 1024), "bf16")]),
]


def ranges(layers):
    out, i = [], 0
    while i < len(layers):
        j = i
        while j + 1 < len(layers) and layers[j + 1] == layers[j] + 1:
            j += 1
        out.append(str(layers[i]) if i == j else "%d-%d" % (layers[i], layers[j]))
        i = j + 1
    return ",".join(out)


def write_model(path, c):
    w = gguf.GGUFWriter(path, c["arch"])
    h = c["tensors"][0][1][1]
    w.add_block_count(c["layers"])
    w.add_context_length(2048)
    w.add_embedding_length(h)
    w.add_feed_forward_length(2048)
    w.add_head_count(c["heads"])
    w.add_head_count_kv(c["kv"])
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(1024)
    if c["experts"]:
        w.add_expert_count(c["experts"])
        w.add_expert_used_count(2)
    size = 0
    for name, shape, ty in c["tensors"]:
        for i in layers_of(c, name):
            t = TYPES[ty]
            n = int(np.prod(shape)) * (4 if ty == "f32" else 2)
            w.add_tensor_info(name.replace("*", str(i)), shape, np.dtype(np.float32 if ty == "f32" else np.float16), n, raw_dtype=t)
            size += (n + 31) // 32 * 32
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_ti_data_to_file()
    w.close()
    end = (os.path.getsize(path) + 31) // 32 * 32
    os.truncate(path, end + size)


def layers_of(c, name):
    return c["only"].get(name, range(c["layers"])) if "*" in name else [None]


def dry_run(quantize, path, target):
    out = subprocess.run([quantize, "--dry-run", path, path + ".out", target.upper()], capture_output=True, text=True)
    text = out.stdout + out.stderr
    if out.returncode:
        raise SystemExit(text)
    got = {}
    for line in text.splitlines():
        m = re.match(r"^(?:.*?)\[ *\d+/ *\d+\] +(\S+) +- \[.*\], type = +(\w+), size = +[\d.]+ MiB(?: -> +[\d.]+ MiB \((\w+)\))?", line)
        if m:
            got[m.group(1)] = (m.group(3) or m.group(2)).lower()
    return got


def summary(c, got):
    parts = {}
    for name, _, src in c["tensors"]:
        by, all_layers = {}, list(layers_of(c, name))
        for i in all_layers:
            by.setdefault(got[name.replace("*", str(i))], []).append(i)
        short = name.replace("blk.*.", "").removesuffix(".weight")
        for ty, layers in by.items():
            if ty != src:
                parts.setdefault(ty, []).append(short if layers == all_layers else short + "[" + ranges(layers) + "]")
    return " | ".join("%s: %s" % (ty, " ".join(sorted(parts[ty]))) for ty in sorted(parts))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quantize", required=True)
    p.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mixture.txt"))
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d, open(a.out, "w") as f:
        f.write("# Types chosen by llama-quantize; see gen/mixture.py.\n")
        for c in CASES:
            f.write("\ncase %(name)s arch=%(arch)s layers=%(layers)d experts=%(experts)d heads=%(heads)d kv=%(kv)d\n" % c)
            for name, shape, ty in c["tensors"]:
                only = " layers=" + ranges(c["only"][name]) if name in c["only"] else ""
                f.write("tensor %s %s %s%s\n" % (name, ",".join(map(str, shape)), ty, only))
            path = os.path.join(d, c["name"] + ".gguf")
            write_model(path, c)
            for target in TARGETS:
                f.write("%s | %s\n" % (target, summary(c, dry_run(a.quantize, path, target))))
            print(c["name"])


if __name__ == "__main__":
    sys.exit(main())
