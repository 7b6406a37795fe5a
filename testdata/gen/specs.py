"""The table of random checkpoints: name → transformers classes, config values and how the files are written."""

LLAMA = ("LlamaConfig", "LlamaForCausalLM")
MISTRAL = ("MistralConfig", "MistralForCausalLM")
QWEN2 = ("Qwen2Config", "Qwen2ForCausalLM")
QWEN3 = ("Qwen3Config", "Qwen3ForCausalLM")


def llama3(factor: float) -> dict:
    """llama3 scaling with a context so small that keep, interpolate and divide all occur within one head."""
    return {"rope_type": "llama3", "rope_theta": 10000.0, "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}


def spec(classes, dtype, h, i, layers, nh, nkv, hd, vocab=256, tied=False, shard=None, old=False, gguf=True, **more):
    return {
        "classes": classes, "dtype": dtype, "shard": shard, "old": old, "gguf": gguf,
        "config": dict(vocab_size=vocab, hidden_size=h, intermediate_size=i, num_hidden_layers=layers, num_attention_heads=nh,
                       num_key_value_heads=nkv, head_dim=hd, tie_word_embeddings=tied, max_position_embeddings=512,
                       rms_norm_eps=1e-5, bos_token_id=None, eos_token_id=None, pad_token_id=None, **more),
    }


# old: config.json rewritten in the form of transformers 4 (rope_theta and rope_scaling at the top, torch_dtype).
# shard: the largest shard; None = one file. gguf: whether the GGUF architecture can express the checkpoint.
SPECS = {
    "llama-f32": spec(LLAMA, "float32", 96, 96, 2, 4, 2, 24),
    "llama-bf16-tied-sharded": spec(LLAMA, "bfloat16", 160, 96, 2, 5, 5, 16, vocab=288, tied=True, shard="90KB", old=True),
    "llama-bias-bf16": spec(LLAMA, "bfloat16", 96, 224, 2, 3, 3, 32, attention_bias=True, mlp_bias=True),
    "llama3-f32-sharded": spec(LLAMA, "float32", 64, 96, 2, 8, 1, 16, shard="150KB", rope_parameters=llama3(8.0)),
    "llama3-bf16-tied": spec(LLAMA, "bfloat16", 128, 160, 2, 8, 1, 16, tied=True, old=True, rope_parameters=llama3(32.0)),
    "mistral-bf16": spec(MISTRAL, "bfloat16", 96, 352, 2, 4, 1, 32, sliding_window=None, old=True),
    "mistral-window-f32": spec(MISTRAL, "float32", 64, 96, 3, 4, 2, 24, sliding_window=16, gguf=False),
    "qwen2-f32": spec(QWEN2, "float32", 112, 64, 2, 14, 2, 8),
    "qwen2-bf16-tied-sharded": spec(QWEN2, "bfloat16", 224, 32, 2, 14, 2, 16, tied=True, shard="120KB"),
    "qwen3-f32-tied": spec(QWEN3, "float32", 64, 96, 2, 4, 2, 32, tied=True),
    "qwen3-bf16-sharded": spec(QWEN3, "bfloat16", 96, 160, 2, 4, 2, 32, vocab=320, shard="120KB", old=True),
}
