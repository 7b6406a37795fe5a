"""Writes the fixtures of pkg/gguf and pkg/safetensors with the Python packages
that define the formats, and what their own readers see in them.

    python testdata/gen/containers.py          (from the top of the repository)

Pinned: gguf 0.19.0, safetensors 0.8.0, numpy 2.4.6, torch 2.11.0.
"""
import hashlib
import json
import os

import gguf
import numpy as np
import safetensors
import safetensors.torch
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
GGUF_DIR = os.path.join(HERE, "../../pkg/gguf/testdata")
ST_DIR = os.path.join(HERE, "../../pkg/safetensors/testdata")
V = gguf.GGUFValueType


def sha(data):
    return hashlib.sha256(bytes(data)).hexdigest()[:16]


def add_all_kinds(w):
    """One key per value type and one array per element type."""
    w.add_uint8("k.u8", 200)
    w.add_int8("k.i8", -100)
    w.add_uint16("k.u16", 60000)
    w.add_int16("k.i16", -30000)
    w.add_uint32("k.u32", 4000000000)
    w.add_int32("k.i32", -2000000000)
    w.add_float32("k.f32", 0.1)
    w.add_bool("k.true", True)
    w.add_bool("k.false", False)
    w.add_string("k.string", "häßlich \u2603 \U0001f600")
    w.add_uint64("k.u64", 2**64 - 1)
    w.add_int64("k.i64", -(2**63))
    w.add_float64("k.f64", 1e300)
    arrays = {
        V.UINT8: [0, 1, 255], V.INT8: [-128, 127], V.UINT16: [0, 65535], V.INT16: [-32768, 32767],
        V.UINT32: [0, 2**32 - 1], V.INT32: [-(2**31), 2**31 - 1, 0], V.FLOAT32: [0.5, -1.25, 3e38],
        V.BOOL: [True, False, True], V.STRING: ["a", "", "▁the", "\n"], V.UINT64: [0, 2**64 - 1],
        V.INT64: [-(2**63), 2**63 - 1], V.FLOAT64: [1e-300, 2.5],
    }
    for t, vals in arrays.items():
        w.add_key_value("a." + t.name.lower(), vals, V.ARRAY, sub_type=t)


def tensors(rng):
    """Name, numpy bytes and ggml type: every type gguf knows sizes of."""
    out = []
    Q = gguf.GGMLQuantizationType
    for q in Q:
        if q == Q.Q8_1:  # never stored; the package has 40 bytes where ggml has 36
            continue
        block, size = gguf.GGML_QUANT_SIZES[q]
        if q in (Q.F32, Q.F16, Q.F64, Q.I8, Q.I16, Q.I32, Q.I64):
            dt = {Q.F32: np.float32, Q.F16: np.float16, Q.F64: np.float64, Q.I8: np.int8, Q.I16: np.int16, Q.I32: np.int32, Q.I64: np.int64}[q]
            out.append((f"t.{q.name}", rng.integers(-100, 100, (3, 5)).astype(dt), None))
        else:
            out.append((f"t.{q.name}", rng.integers(0, 256, (2, 2 * size if block > 1 else 10), dtype=np.uint8), q))
    out.append(("t.vector", np.arange(7, dtype=np.float32), None))
    out.append(("t.rank3", np.arange(24, dtype=np.float32).reshape(2, 3, 4), None))
    out.append(("t.rank4", np.arange(24, dtype=np.float16).reshape(2, 1, 3, 4), None))
    return out


def write_gguf(name, align=None, split=0, small_first=False, kinds=True):
    path = os.path.join(GGUF_DIR, name)
    w = gguf.GGUFWriter(path, "llama", split_max_tensors=split, small_first_shard=small_first)
    if align:
        w.add_custom_alignment(align)
    if kinds:
        add_all_kinds(w)
    for n, data, q in tensors(np.random.default_rng(7)):
        w.add_tensor(n, data, raw_dtype=q)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def describe_gguf(name):
    """What gguf.GGUFReader sees: [key, types, value] and tensors."""
    r = gguf.GGUFReader(os.path.join(GGUF_DIR, name))
    kvs = []
    for f in r.fields.values():
        if f.name.startswith("GGUF."):
            continue
        val = f.contents()
        if f.types[0] in (V.FLOAT32, V.FLOAT64):
            val = repr(float(val))
        elif f.types[0] == V.ARRAY and f.types[-1] in (V.FLOAT32, V.FLOAT64):
            val = [repr(float(v)) for v in val]
        kvs.append({"key": f.name, "types": [int(t) for t in f.types], "value": val})
    ts = [{"name": t.name, "type": t.tensor_type.name.lower(), "ne": [int(d) for d in t.shape], "bytes": int(t.n_bytes),
           "off": int(t.data_offset), "sha": sha(t.data.tobytes())} for t in r.tensors]
    return {"kv": kvs, "tensors": ts}


def gguf_fixtures():
    write_gguf("all.gguf")
    write_gguf("align64.gguf", align=64, kinds=False)
    write_gguf("split.gguf", split=20, kinds=False)
    write_gguf("empty-first.gguf", split=30, small_first=True, kinds=False)
    seen = {n: describe_gguf(n) for n in sorted(os.listdir(GGUF_DIR)) if n.endswith(".gguf")}
    with open(os.path.join(GGUF_DIR, "expected.json"), "w") as f:
        json.dump(seen, f, indent=1, sort_keys=True)
        f.write("\n")


def st_tensors():
    g = torch.Generator().manual_seed(7)
    bits = torch.randint(0, 256, (3, 8), generator=g, dtype=torch.uint8)
    out = {}
    for dt in ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "bfloat16", "float32",
               "float64", "complex64", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz",
               "float4_e2m1fn_x2"):
        t = (bits & 1 if dt == "bool" else bits).clone()
        out["t." + dt] = t.view(getattr(torch, dt))
    out["scalar"] = torch.tensor(3.5)
    out["empty"] = torch.zeros(0, 4)
    out["rank4 ünïcode \"quoted\" <&>"] = torch.arange(24, dtype=torch.float32).reshape(2, 3, 1, 4)
    return out


def st_fixtures():
    ts = st_tensors()
    safetensors.torch.save_file(ts, os.path.join(ST_DIR, "all.safetensors"), metadata={"format": "pt"})
    safetensors.torch.save_file({"a": torch.zeros(1)}, os.path.join(ST_DIR, "nometa.safetensors"))
    seen = {}
    for name in ("all.safetensors", "nometa.safetensors"):
        with open(os.path.join(ST_DIR, name), "rb") as f:
            raw = f.read()
        rows = [{"name": n, "dtype": v["dtype"], "shape": v["shape"], "sha": sha(v["data"])} for n, v in safetensors.deserialize(raw)]
        seen[name] = sorted(rows, key=lambda r: r["name"])
    with open(os.path.join(ST_DIR, "expected.json"), "w") as f:
        json.dump(seen, f, indent=1, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    os.makedirs(GGUF_DIR, exist_ok=True)
    os.makedirs(ST_DIR, exist_ok=True)
    gguf_fixtures()
    st_fixtures()
