"""Qwen3 in plain torch, small enough to read, with the dropout that the transformers class lacks.

Parameter names are those of Qwen3ForCausalLM, so the state dict is the checkpoint. Shapes: B batch, T tokens, H hidden, D head_dim.
Dropout stands at 2*layers+2 sites; its random bytes come from outside, [sites,B,T,H] u8, because torch's generator is slow on a CPU.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 768
    num_hidden_layers: int = 5
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 64
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6
    max_position_embeddings: int = 2048
    dropout: float = 0.0


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        f = x.float()
        return self.weight * (f * torch.rsqrt(f.pow(2).mean(-1, keepdim=True) + self.eps))


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def drop(x, noise, p):
    """x with each element zeroed where its random byte is below 256*p, the rest scaled up; noise None means no dropout."""
    if noise is None or p == 0:
        return x
    cut = round(256 * p)
    return torch.where(noise >= cut, x * (256 / (256 - cut)), 0.0)


class Attention(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        h, d = c.hidden_size, c.head_dim
        self.q_proj = nn.Linear(h, c.num_attention_heads * d, bias=False)
        self.k_proj = nn.Linear(h, c.num_key_value_heads * d, bias=False)
        self.v_proj = nn.Linear(h, c.num_key_value_heads * d, bias=False)
        self.o_proj = nn.Linear(c.num_attention_heads * d, h, bias=False)
        self.q_norm = RMSNorm(d, c.rms_norm_eps)
        self.k_norm = RMSNorm(d, c.rms_norm_eps)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        c, d = self.c, self.c.head_dim
        q = self.q_norm(self.q_proj(x).view(b, t, c.num_attention_heads, d)).transpose(1, 2)
        k = self.k_norm(self.k_proj(x).view(b, t, c.num_key_value_heads, d)).transpose(1, 2)
        v = self.v_proj(x).view(b, t, c.num_key_value_heads, d).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        n = c.num_attention_heads // c.num_key_value_heads
        k, v = k.repeat_interleave(n, dim=1), v.repeat_interleave(n, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))


class MLP(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.gate_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.self_attn = Attention(c)
        self.mlp = MLP(c)
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.p = c.dropout

    def forward(self, x, cos, sin, noise):
        x = x + drop(self.self_attn(self.input_layernorm(x), cos, sin), noise[0], self.p)
        return x + drop(self.mlp(self.post_attention_layernorm(x)), noise[1], self.p)


class Body(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.p = c.dropout

    def forward(self, ids, cos, sin, noise=None):
        if noise is None:
            noise = [None] * (2 * len(self.layers) + 2)
        x = drop(self.embed_tokens(ids), noise[0], self.p)
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, noise[2 * i + 1 : 2 * i + 3])
        return drop(self.norm(x), noise[-1], self.p)


class Qwen3(nn.Module):
    """logits [B,T,V] = forward(ids [B,T]); the output matrix is the embedding."""

    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.model = Body(c)
        inv = 1.0 / c.rope_theta ** (torch.arange(0, c.head_dim, 2, dtype=torch.float32) / c.head_dim)
        angle = torch.arange(c.max_position_embeddings, dtype=torch.float32)[:, None] * inv[None, :]
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                std = 0.02
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    std /= (2 * c.num_hidden_layers) ** 0.5
                nn.init.normal_(p, std=std)

    def forward(self, ids, noise=None):
        t = ids.shape[1]
        x = self.model(ids, self.cos[:t], self.sin[:t], noise)
        return F.linear(x, self.model.embed_tokens.weight)

    def loss(self, ids, targets, noise=None):
        logits = self(ids, noise)
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
