#!/usr/bin/env python3
"""Writes decode.txt and encode.txt: digests that the Go tests recompute, and
errors.txt: the errors of ggml's quantisers.

  gen.py --lib path/to/libggml-base.so   (a shared library with ggml_quantize_chunk)

decode.txt: pseudo-random blocks (finite scales) widened by the Python package
gguf. encode.txt: pseudo-random values in several distributions, quantised by
ggml on x86-64 without an importance matrix. Both sides draw the same numbers:
draw(seed, i) is SplitMix64. Needs numpy and gguf.
"""
import argparse, ctypes, hashlib, os, sys
import numpy as np
import gguf
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T

GAMMA = np.uint64(0x9E3779B97F4A7C15)
BLOCKS = 1024
ELEMS = 65536


def draw(seed, index):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + (np.asarray(index, np.uint64) + np.uint64(1)) * GAMMA
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(seed, index):
    return (draw(seed, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed, n):
    """About N(0, 1): twelve uniforms added in order, minus 6."""
    i = np.arange(n, dtype=np.uint64) * np.uint64(12)
    s = np.zeros(n)
    for k in range(12):
        s = s + uniform(seed, i + np.uint64(k))
    return s - 6


def power(seed, n, group, lo, hi):
    """2^e, the same e in [lo, hi) for each group of elements."""
    e = (draw(seed + 1, np.arange(n, dtype=np.uint64) // np.uint64(group)) % np.uint64(hi - lo)).astype(np.int64) + lo
    return np.ldexp(1.0, e)


def values(kind, seed, n):
    x = normal(seed, n)
    i = np.arange(n)
    if kind == "weights":
        x = x * 0.02
    elif kind == "scaled":  # a scale per 16 elements
        x = x * power(seed, n, 16, -12, 6)
    elif kind == "spread":  # a scale per element
        x = x * power(seed, n, 1, -20, 8)
    elif kind == "positive":
        x = np.abs(x) + 0.5
    elif kind == "negative":
        x = -np.abs(x) - 0.5
    elif kind == "sparse":  # one in about twenty is not zero
        x = np.where(draw(seed + 2, i) % np.uint64(20) == 0, x, 0.0)
    elif kind == "outlier":  # one large value in about fifty
        x = np.where(draw(seed + 2, i) % np.uint64(50) == 0, x * 64, x)
    elif kind == "integers":  # ties and equal values
        x = np.floor(x * 3)
    elif kind == "constant":  # equal in groups of 32
        x = x[i // 32 * 32]
    elif kind == "blocks":  # zero super-blocks, zero groups and zeros
        z = (draw(seed + 3, i // 256) % np.uint64(4) == 0) | (draw(seed + 4, i // 16) % np.uint64(3) == 0)
        x = np.where(z, 0.0, x)
    elif kind == "large":
        x = x * 4096
    elif kind == "tiny":  # scales around the smallest f16
        x = x * power(seed, n, 256, -32, -16)
    elif kind == "subnormal":  # scales that are zero in f16, values down to subnormal
        x = x * power(seed, n, 256, -148, -100)
    elif kind == "ramp":
        x = (i % 256 - 100) / 64.0
    else:
        raise SystemExit("unknown kind " + kind)
    return x.astype(np.float32)


KINDS = ["weights", "scaled", "spread", "positive", "negative", "sparse", "outlier", "integers", "constant",
         "blocks", "large", "tiny", "subnormal", "ramp"]

# offsets of the f16 fields of a block
HALVES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0], T.MXFP4: []}


def blocks(t, seed):
    size = GGML_QUANT_SIZES[t][1]
    b = (draw(seed, np.arange(BLOCKS * size)) >> np.uint64(56)).astype(np.uint8).reshape(BLOCKS, size)
    for off in HALVES[t]:
        full = (b[:, off + 1] & 0x7C) == 0x7C
        b[full, off + 1] ^= 0x40
    if t == T.MXFP4:
        b[b[:, 0] == 255, 0] = 254
    return b


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--lib", required=True)
    p.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    a = p.parse_args()

    with open(os.path.join(a.out, "decode.txt"), "w") as f:
        f.write("# type  sha256 of %d blocks  sha256 of their float32 values (gen/gen.py)\n" % BLOCKS)
        for t in HALVES:
            b = blocks(t, 1000 + t.value)
            y = gguf.quants.dequantize(b, t)
            f.write("%s %s %s\n" % (t.name.lower(), digest(b), digest(y.astype("<f4"))))

    lib = ctypes.CDLL(a.lib, mode=os.RTLD_LAZY)
    quantize = lib.ggml_quantize_chunk
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    with open(os.path.join(a.out, "encode.txt"), "w") as f, open(os.path.join(a.out, "errors.txt"), "w") as g:
        g.write("# type  kind of values  root mean square error of ggml over root mean square (gen/gen.py)\n")
        f.write("# type  kind of values  sha256 of the blocks of %d elements (gen/gen.py)\n" % ELEMS)
        for t in [T.F16, T.BF16] + list(HALVES):
            for k, kind in enumerate(KINDS):
                x = values(kind, 2000 + k, ELEMS)
                if t == T.MXFP4:
                    # below 2^-125 ggml converts a negative exponent to an unsigned byte: undefined
                    x = x[np.repeat(np.abs(x.reshape(-1, 32)).max(axis=1) >= 2.0**-125, 32)]
                per, size = GGML_QUANT_SIZES[t]
                row = max(per, 32)
                out = np.zeros(len(x) // per * size, np.uint8)
                n = quantize(t.value, x.ctypes.data, out.ctypes.data, 0, len(x) // row, row, None)
                assert n == out.nbytes, (t, n, out.nbytes)
                f.write("%s %s %s\n" % (t.name.lower(), kind, digest(out)))
                if kind in ("weights", "scaled", "outlier"):
                    d = gguf.quants.dequantize(out, t).astype(np.float64) - x
                    g.write("%s %s %.9f\n" % (t.name.lower(), kind, np.sqrt(np.sum(d * d) / np.sum(x.astype(np.float64)**2))))


if __name__ == "__main__":
    sys.exit(main())
