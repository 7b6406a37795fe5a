"""Writes <name>.gguf beside each random checkpoint, with the names, types and metadata of llama.cpp's converter.

    python to_gguf.py --models ../models [--only NAME]
    python to_gguf.py --model DIR --out FILE        one checkpoint; with its tokenizer.json, if it has one (byte-level BPE, pre "qwen2")

Matrices keep their type (F32 or BF16); 1-D tensors become F32. For the llama architecture (llama and mistral) the q and k rows move from the
half rotation to the interleaved one. llama3 rope scaling becomes the tensor rope_freqs.weight, divisors computed in torch float32.
"""

import argparse
import json
import math
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors import safe_open

from specs import SPECS

ARCH = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
LAYER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
GLOBAL = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}


def rename(name: str) -> str:
    if name in GLOBAL:
        return GLOBAL[name]
    parts = name.split(".")
    return f"blk.{parts[2]}.{LAYER['.'.join(parts[3:-1])]}.{parts[-1]}"


def interleave(w: torch.Tensor, heads: int) -> torch.Tensor:
    """Row s*hd/2+j of each head goes to row 2j+s."""
    half = w.shape[0] // heads // 2
    return w.view(heads, 2, half, *w.shape[1:]).transpose(1, 2).reshape(w.shape)


def rope_parameters(c: dict) -> dict:
    """The rope settings of either config form as one table."""
    p = dict(c.get("rope_parameters") or c.get("rope_scaling") or {})
    p.setdefault("rope_theta", c.get("rope_theta", 10000.0))
    return p


def divisors(p: dict, dim: int) -> torch.Tensor:
    freqs = 1.0 / (p["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim))
    low, high, context = p["low_freq_factor"], p["high_freq_factor"], p["original_max_position_embeddings"]
    out = []
    for freq in freqs:
        wavelength = 2 * math.pi / freq
        if wavelength < context / high:
            out.append(1)
        elif wavelength > context / low:
            out.append(p["factor"])
        else:
            smooth = (context / wavelength - low) / (high - low)
            out.append(1 / ((1 - smooth) / p["factor"] + smooth))
    return torch.tensor(out, dtype=torch.float32)


def metadata(w: gguf.GGUFWriter, c: dict, name: str, kind: torch.dtype):
    heads = c["num_attention_heads"]
    dim = c.get("head_dim")
    w.add_type("model")
    w.add_name(name)
    w.add_block_count(c["num_hidden_layers"])
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(c["num_key_value_heads"])
    w.add_rope_freq_base(rope_parameters(c)["rope_theta"])
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    if dim is not None:
        w.add_key_length(dim)
        w.add_value_length(dim)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if kind == torch.bfloat16 else gguf.LlamaFileType.ALL_F32)
    if ARCH[c["model_type"]] == "llama":
        w.add_vocab_size(c["vocab_size"])
        w.add_rope_dimension_count(dim or c["hidden_size"] // heads)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)


def tokenizer(w: gguf.GGUFWriter, folder: Path, c: dict):
    path = folder / "tokenizer.json"
    if not path.exists():
        w.add_tokenizer_model("none")
        if ARCH[c["model_type"]] != "llama":
            w.add_vocab_size(c["vocab_size"])
        return
    t = json.loads(path.read_text())
    special = {a["id"]: a["content"] for a in t["added_tokens"]}
    names = {i: s for s, i in t["model"]["vocab"].items()} | special
    merges = [m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list([names.get(i, f"[PAD{i}]") for i in range(c["vocab_size"])])
    w.add_token_types([gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL if i in names else gguf.TokenType.UNUSED
                       for i in range(c["vocab_size"])])
    w.add_token_merges(merges)
    w.add_eos_token_id(c["eos_token_id"])
    w.add_bos_token_id(c["bos_token_id"])
    w.add_pad_token_id(c["eos_token_id"])
    w.add_add_bos_token(False)


def convert(folder: Path, out: Path, name: str):
    c = json.loads((folder / "config.json").read_text())
    if c.get("sliding_window") is not None:
        raise SystemExit(f"{folder}: sliding_window {c['sliding_window']}: the {ARCH[c['model_type']]} architecture of GGUF has none")
    tensors = {}
    for file in sorted(folder.glob("model*.safetensors")):
        with safe_open(file, framework="pt") as f:
            tensors |= {k: f.get_tensor(k) for k in f.keys()}
    kind = tensors["model.embed_tokens.weight"].dtype
    arch = ARCH[c["model_type"]]
    w = gguf.GGUFWriter(out, arch)
    metadata(w, c, name, kind)
    tokenizer(w, folder, c)
    rope = rope_parameters(c)
    if rope.get("rope_type") == "llama3":
        w.add_tensor("rope_freqs.weight", divisors(rope, c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]).numpy())
    for key in sorted(tensors, key=lambda k: [int(p) if p.isdigit() else p for p in k.split(".")]):
        t = tensors[key]
        if c["tie_word_embeddings"] and key == "lm_head.weight":
            continue
        if arch == "llama" and ".q_proj." in key:
            t = interleave(t, c["num_attention_heads"])
        if arch == "llama" and ".k_proj." in key:
            t = interleave(t, c["num_key_value_heads"])
        if t.dim() == 1 or t.dtype == torch.float32:
            w.add_tensor(rename(key), t.float().contiguous().numpy())
        else:
            raw = t.contiguous().view(torch.uint8).numpy()
            w.add_tensor(rename(key), raw.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--models")
    a.add_argument("--only")
    a.add_argument("--model")
    a.add_argument("--out")
    a = a.parse_args()
    if a.model:
        return convert(Path(a.model), Path(a.out), Path(a.model).name)
    for name, spec in SPECS.items():
        if spec["gguf"] and a.only in (None, name):
            folder = Path(a.models) / name
            convert(folder, folder / f"{name}.gguf", name)
            print(name, (folder / f"{name}.gguf").stat().st_size)


if __name__ == "__main__":
    main()
