#!/usr/bin/env python3
"""Trains a tiny tokenizer for every pipeline of pipelines.py, and a Unigram
one, and writes them to testdata/small with what the Python package
`tokenizers` makes of some random texts (same format as differential.py).

Needs tokenizers (written with 0.23.3). Run from pkg/tokenizer:
    python3 testdata/gen/small.py
"""
import base64
import json
import os
import random

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

import texts
from pipelines import PIPELINES, SPM_DECODER, metaspace

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "../small")
CASES = 40

PROSE = """The quick brown fox jumps over the lazy dog. I'll say they've gone, she's here and we're not; don't.
He had 12 apples, 345 pears and 1,000 plums. HTTPServer camelCase foo_bar(x) = y[i] + 0x1F;
привет мир, как дела? Это простое предложение. Ελληνικά κείμενο. 你好世界，今天天气很好。日本語の文章。
naïve façade café Straße über señor. 안녕하세요 한국어. नमस्ते दुनिया. مرحبا بالعالم. สวัสดีครับ.
the the the of of and and to to in in that that with with was was his his for for not not """


def train(p, seed):
    """A tokenizer.json for a pipeline."""
    base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": p["normalizer"],
            "pre_tokenizer": p["pre_tokenizer"], "post_processor": None, "decoder": p["decoder"],
            "model": {"type": "BPE", "vocab": {}, "merges": []}}
    tok = Tokenizer.from_str(json.dumps(base))
    r = random.Random(seed)
    lines = PROSE.split("\n") * 8 + [texts.text(r).replace("<", " ") for _ in range(60)]
    if p["kind"] == "byte":
        alphabet, size = pre_tokenizers.ByteLevel.alphabet(), 420
    else:
        alphabet, size = [], 380
        if p["pre_tokenizer"] is None or p["pre_tokenizer"]["type"] == "Split":
            lines = [w for x in lines for w in x.split(" ")]
    tok.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, limit_alphabet=260, show_progress=False, max_token_length=12))
    j = json.loads(tok.to_str())
    model = {k: v for k, v in j["model"].items() if k not in ("vocab", "merges")}
    model.update(p["model"])
    trained = sorted(j["model"]["vocab"], key=j["model"]["vocab"].get)
    head = ["<|endoftext|>"]
    if p["kind"] == "spm":
        head = ["<unk>", "<s>", "</s>"]
        if model.get("byte_fallback"):
            head += ["<0x%02X>" % b for b in range(256)]
    vocab = {t: i for i, t in enumerate(head + [t for t in trained if t not in head])}
    model["vocab"], model["merges"] = vocab, j["model"]["merges"]
    extra = []

    def add(content, **kw):
        i = vocab.get(content, len(vocab) + sum(e["content"] not in vocab for e in extra))
        a = {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        a.update(kw)
        extra.append(a)

    for t in head[:3]:
        if t.startswith("<") and not t.startswith("<0x"):
            add(t)
    for content, kw in p.get("added") or [("<|im_start|>", {}), ("<think>", {"special": False, "normalized": True}), ("single", {"special": False, "single_word": True}), ("<|end|>", {"lstrip": True})]:
        add(content, **kw)
    base["added_tokens"], base["model"] = extra, model
    first = extra[0]
    base["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": first["content"], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {first["content"]: {"id": first["content"], "ids": [first["id"]], "tokens": [first["content"]]}},
    }
    return base


def unigram(byte_fallback):
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.NFKC()
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>"] + (["<0x%02X>" % b for b in range(256)] if byte_fallback else [])
    tok.train_from_iterator(PROSE.split("\n") * 8, trainers.UnigramTrainer(vocab_size=260 + len(special), special_tokens=special, unk_token="<unk>", show_progress=False))
    j = json.loads(tok.to_str())
    j["added_tokens"] = j["added_tokens"][:3]
    j["model"]["byte_fallback"] = byte_fallback
    for e in j["model"]["vocab"]:
        e[1] = round(e[1], 5)
    j["decoder"] = SPM_DECODER if byte_fallback else metaspace("always", True)
    return j


def cases(tok, seed):
    r = random.Random(seed)
    out = []
    for _ in range(CASES):
        raw = texts.raw(r)[: r.randint(1, 90)]
        s = raw.decode("utf-8", "replace")
        tok.encode_special_tokens = False
        parsed = tok.encode(s, add_special_tokens=False)
        tok.encode_special_tokens = True
        plain = tok.encode(s, add_special_tokens=False)
        out.append(json.dumps({
            "text": base64.b64encode(raw).decode(), "ids": parsed.ids, "offsets": [x for o in parsed.offsets for x in o],
            "plain": None if plain.ids == parsed.ids else plain.ids,
            "decoded": tok.decode(parsed.ids, skip_special_tokens=False), "skipped": tok.decode(parsed.ids, skip_special_tokens=True),
        }, separators=(",", ":")))
    return out


def main():
    os.makedirs(OUT, exist_ok=True)
    made = {name: train(p, k) for k, (name, p) in enumerate(PIPELINES.items())}
    made["unigram"] = unigram(False)
    made["unigram-bytes"] = unigram(True)
    for k, (name, j) in enumerate(made.items()):
        text = json.dumps(j, ensure_ascii=False, separators=(",", ":"))
        tok = Tokenizer.from_str(text)
        with open(os.path.join(OUT, name + ".json"), "w") as f:
            f.write(text + "\n")
        with open(os.path.join(OUT, name + ".cases"), "w") as f:
            f.write("\n".join(cases(tok, 7000 + k)) + "\n")


main()
