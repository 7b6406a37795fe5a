#!/usr/bin/env python3
"""Writes, for every pipeline of pipelines.py on the vocabularies of the shared
data, a tokenizer.json and what the Python package `tokenizers` makes of random
texts. The Go test TestDifferential reads the result; nothing of it is
committed.

    python3 differential.py VOCAB_DIR OUT_DIR [TEXTS] [PIPELINE...]

Needs tokenizers (written with 0.23.3) and gguf.
"""
import base64
import json
import os
import sys

from gguf import GGUFReader
from tokenizers import Tokenizer

import texts
from pipelines import PIPELINES

OWN = {"deepseek-llm": "deepseek-llm", "deepseek-coder": "deepseek-llm", "deepseek-v3": "deepseek-llm", "falcon": "falcon", "starcoder": "starcoder"}


def strings(r, key):
    f = r.fields[key]
    return [bytes(f.parts[i]).decode("utf-8") for i in f.data]


def numbers(r, key):
    f = r.fields[key]
    return [f.parts[i][0].item() for i in f.data]


def load(path):
    r = GGUFReader(path)
    v = {"tokens": strings(r, "tokenizer.ggml.tokens"), "types": numbers(r, "tokenizer.ggml.token_type")}
    if "tokenizer.ggml.merges" in r.fields:
        v["merges"] = [m.split(" ") for m in strings(r, "tokenizer.ggml.merges")]
    if "tokenizer.ggml.scores" in r.fields:
        v["scores"] = numbers(r, "tokenizer.ggml.scores")
    return v


def merges_of_scores(v):
    """The merges that a SentencePiece vocabulary implies: by score of the
    result, then by the lengths of the parts."""
    ids = {t: i for i, t in enumerate(v["tokens"])}
    out = []
    for t, s in zip(v["tokens"], v["scores"]):
        here = [(t[:k], t[k:]) for k in range(1, len(t)) if t[:k] in ids and t[k:] in ids]
        here.sort(key=lambda p: (ids[p[0]], ids[p[1]]))
        out += [(s, a, b) for a, b in here]
    out.sort(key=lambda m: (m[0], len(m[1]), len(m[2])), reverse=True)
    return [[a, b] for _, a, b in out]


def added(content, id_, special, **kw):
    a = {"id": id_, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}
    a.update(kw)
    return a


def tokenizer_json(p, v):
    vocab = {t: i for i, t in enumerate(v["tokens"])}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    model.update(p["model"])
    model["vocab"] = vocab
    model["merges"] = v["merges"]
    extra = [added(t, i, v["types"][i] != 4) for i, t in enumerate(v["tokens"]) if v["types"][i] in (2, 3, 4)]
    n = len(vocab)
    for content, kw in p.get("added") or [("<|im_start|>", dict(special=True)), ("<think>", dict(special=False, normalized=True)), ("single", dict(special=False, single_word=True))]:
        kw = dict(kw)
        extra.append(added(content, vocab.get(content, n), kw.pop("special"), **kw))
        n += content not in vocab
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": extra, "normalizer": p["normalizer"],
            "pre_tokenizer": p["pre_tokenizer"], "post_processor": None, "decoder": p["decoder"], "model": model}


def main():
    vocab_dir, out, n = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 20000
    names = sys.argv[4:] or list(PIPELINES)
    os.makedirs(out, exist_ok=True)
    vocabs = {}
    for k, name in enumerate(names):
        p = PIPELINES[name]
        own = "llama-spm" if p["kind"] == "spm" else OWN.get(name, "gpt-2")
        if own not in vocabs:
            vocabs[own] = load(os.path.join(vocab_dir, f"ggml-vocab-{own}.gguf"))
            if "merges" not in vocabs[own]:
                vocabs[own]["merges"] = merges_of_scores(vocabs[own])
        path = os.path.join(out, name + ".json")
        with open(path, "w") as f:
            json.dump(tokenizer_json(p, vocabs[own]), f, ensure_ascii=False)
        tok = Tokenizer.from_file(path)
        with open(os.path.join(out, name + ".cases"), "w") as f:
            for raw in texts.corpus(n, 1000 + k):
                s = raw.decode("utf-8", "replace")
                tok.encode_special_tokens = False
                parsed = tok.encode(s, add_special_tokens=False)
                tok.encode_special_tokens = True
                plain = tok.encode(s, add_special_tokens=False)
                f.write(json.dumps({
                    "text": base64.b64encode(raw).decode(), "ids": parsed.ids, "offsets": [x for o in parsed.offsets for x in o],
                    "plain": None if plain.ids == parsed.ids else plain.ids,
                    "decoded": tok.decode(parsed.ids, skip_special_tokens=False), "skipped": tok.decode(parsed.ids, skip_special_tokens=True),
                }) + "\n")
        print(name, own, n, flush=True)


main()
