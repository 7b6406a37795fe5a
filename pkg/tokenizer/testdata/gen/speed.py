#!/usr/bin/env python3
"""Encoding and loading speed of this package beside the Python package
`tokenizers`, in one run, one thread each, in turns.

    python3 speed.py DIFF_DIR PROSE.txt PIPELINE...

DIFF_DIR is what differential.py wrote. Prints MB/s of wall time and of
processor time, the best of the rounds.
"""
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import json
import random
import subprocess
import sys
import time

from tokenizers import Tokenizer

import texts

ROUNDS = 3


def mixed(size):
    r = random.Random(5)
    words = [w for w in texts.WORDS if w] + "предложение сегодня погода 今天天气很好我们去公园散步吧 日本語の文章を書きます 한국어 문장입니다 ภาษาไทย दुनिया بالعالم עולם Việt Nam 12345 3.14159 😀".split()
    out, n = [], 0
    while n < size:
        w = r.choice(words) + r.choice([" ", " ", " ", ", ", "\n"])
        out.append(w)
        n += len(w.encode())
    return "".join(out)


def peer(path, text):
    t0 = time.perf_counter()
    tok = Tokenizer.from_file(path)
    load = time.perf_counter() - t0
    best = [0.0, 0.0]
    for _ in range(2):
        w, c = time.perf_counter(), time.process_time()
        tok.encode_batch_fast([text], add_special_tokens=False)
        best = [max(best[0], 1 / (time.perf_counter() - w)), max(best[1], 1 / (time.process_time() - c))]
    return load, best


def ours(binary, path, file):
    env = dict(os.environ, TESSERA_TOKENIZER_JSON=path, TESSERA_TOKENIZER_TEXT=file, GOMAXPROCS="1")
    out = subprocess.run([binary, "-test.run", "^$", "-test.bench", "^BenchmarkPeer$", "-test.benchtime", "3x"], env=env, capture_output=True, text=True, check=True).stdout
    v = {}
    for line in out.split("\n"):
        if line.startswith("BenchmarkPeer"):
            f = line.split()
            key = "load" if "/load" in f[0] else "encode"
            v[key] = {f[i + 1]: float(f[i]) for i in range(2, len(f) - 1, 2)}
    return v


def main():
    diff, prose, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    here = os.path.dirname(os.path.abspath(__file__))
    binary = os.path.join(diff, "tokenizer.test")
    subprocess.run(["go", "test", "-c", "-o", binary, "."], cwd=os.path.join(here, "../.."), check=True)
    files = {"prose": prose, "mixed": os.path.join(diff, "mixed.txt")}
    with open(files["mixed"], "w") as f:
        f.write(mixed(1 << 20))
    print("| pipeline | text | tokenizers MB/s wall (cpu) | ours MB/s wall (cpu) | tokenizers load ms | ours load ms |")
    print("|---|---|---|---|---|---|")
    for name in names:
        path = os.path.join(diff, name + ".json")
        for kind, file in files.items():
            text = open(file, newline="").read()
            mb = len(text.encode()) / 1e6
            a, b, la, lb = [0, 0], [0, 0], 1e9, 1e9
            for _ in range(ROUNDS):
                load, best = peer(path, text)
                a, la = [max(a[0], best[0] * mb), max(a[1], best[1] * mb)], min(la, load)
                v = ours(binary, path, file)
                b = [max(b[0], v["encode"]["MB/s"]), max(b[1], v["encode"]["cpu-MB/s"])]
                lb = min(lb, v["load"]["ns/op"] / 1e9)
            print(f"| {name} | {kind} | {a[0]:.1f} ({a[1]:.1f}) | {b[0]:.1f} ({b[1]:.1f}) | {la*1e3:.0f} | {lb*1e3:.0f} |", flush=True)


main()
