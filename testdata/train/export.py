"""Writes the trained weights as a Hugging Face directory: bf16, one file, tied embeddings."""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from model import Config

END = 4093  # <|endoftext|>, the first of the three special tokens of vocab.py


def write_json(path: Path, value: dict):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--run", required=True, help="the --out folder of train.py")
    a.add_argument("--out", required=True)
    a = a.parse_args()
    out, c = Path(a.out), Config()
    out.mkdir(parents=True, exist_ok=True)
    weights = torch.load(f"{a.run}/weights.pt", weights_only=True)
    save_file({k: v.to(torch.bfloat16).contiguous() for k, v in weights.items()}, out / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(f"{a.run}/tokenizer.json", out / "tokenizer.json")
    write_json(out / "config.json", {
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": END, "eos_token_id": END, "head_dim": c.head_dim, "hidden_act": "silu",
        "hidden_size": c.hidden_size, "initializer_range": 0.02, "intermediate_size": c.intermediate_size,
        "max_position_embeddings": c.max_position_embeddings, "max_window_layers": c.num_hidden_layers,
        "model_type": "qwen3", "num_attention_heads": c.num_attention_heads,
        "num_hidden_layers": c.num_hidden_layers, "num_key_value_heads": c.num_key_value_heads,
        "rms_norm_eps": c.rms_norm_eps, "rope_scaling": None, "rope_theta": c.rope_theta, "sliding_window": None,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False,
        "vocab_size": c.vocab_size,
    })
    write_json(out / "generation_config.json", {
        "bos_token_id": END, "do_sample": True, "eos_token_id": [END, END + 2], "pad_token_id": END,
        "temperature": 0.7, "top_k": 40, "top_p": 0.95,
    })
    write_json(out / "tokenizer_config.json", {
        "add_bos_token": False, "add_prefix_space": False,
        "added_tokens_decoder": {
            str(END + i): {"content": s, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
            for i, s in enumerate(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
        },
        "bos_token": None, "clean_up_tokenization_spaces": False, "eos_token": "<|endoftext|>",
        "model_max_length": c.max_position_embeddings, "pad_token": "<|endoftext|>", "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None,
    })


if __name__ == "__main__":
    main()
