"""Writes rope.txt: for configs of every rope type, what transformers computes as inv_freq (float32 bits) and attention factor.

    python rope.py > rope.txt
"""

import json

from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
import torch


def default(config, device=None):
    dim = config.head_dim
    return 1.0 / (config.rope_parameters["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.int64).float() / dim)), 1.0


def llama3(factor, original=8192):
    return dict(rope_type="llama3", rope_theta=500000.0, factor=factor, low_freq_factor=1.0, high_freq_factor=4.0,
                original_max_position_embeddings=original)


def yarn(theta, factor, original, **more):
    return dict(rope_type="yarn", rope_theta=theta, factor=factor, original_max_position_embeddings=original, **more)


CASES = [
    (64, dict(rope_type="default", rope_theta=10000.0)),
    (128, dict(rope_type="default", rope_theta=500000.0)),
    (128, dict(rope_type="default", rope_theta=1000000.0)),
    (80, dict(rope_type="linear", rope_theta=10000.0, factor=3.0)),
    (64, llama3(32.0)),
    (128, llama3(8.0)),
    (16, llama3(8.0, 64)),
    (128, yarn(1000000.0, 4.0, 32768)),
    (64, yarn(150000.0, 32.0, 4096, beta_fast=32.0, beta_slow=1.0, truncate=False)),
    (64, yarn(10000.0, 16.0, 4096, beta_fast=16.0, beta_slow=2.0, attention_factor=1.25)),
    (64, yarn(10000.0, 40.0, 4096, mscale=1.0, mscale_all_dim=0.707)),
    (8, yarn(10000.0, 2.0, 64)),
]

for head_dim, rope in CASES:
    config = LlamaConfig(hidden_size=head_dim, num_attention_heads=1, head_dim=head_dim, max_position_embeddings=131072, rope_parameters=dict(rope))
    inv, factor = ROPE_INIT_FUNCTIONS.get(rope["rope_type"], default)(config, "cpu")
    bits = " ".join(f"{b:08x}" for b in inv.view(torch.int32).tolist())
    print(json.dumps(dict(head_dim=head_dim, rope=rope)), float(factor).hex(), bits, sep="\t")
