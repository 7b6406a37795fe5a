"""Checks the committed checkpoints against themselves: each special feature moves the logits, and each GGUF holds the weights of its checkpoint.

    python check.py --models ../models
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from safetensors.torch import load_file

from specs import SPECS
from to_gguf import rename


def logits(folder, ids, change):
    config = transformers.AutoConfig.from_pretrained(folder)
    for k, v in change.items():
        setattr(config, k, v)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def features(spec):
    """Changes of the config that must change the logits."""
    c = spec["config"]
    out = [{"rms_norm_eps": 0.3}, {"rope_parameters": {"rope_type": "default", "rope_theta": 123.0}}]
    if "rope_parameters" in c:
        out.append({"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}})
    if c.get("sliding_window"):
        out += [{"sliding_window": None}, {"sliding_window": c["sliding_window"] + 1}]
    return out


def same_weights(folder: Path, name: str, spec) -> int:
    have = {t.name: t for t in gguf.GGUFReader(folder / f"{name}.gguf").tensors}
    want = {}
    for f in sorted(folder.glob("model*.safetensors")):
        want |= load_file(f)
    for key, t in want.items():
        g = have.pop(rename(key))
        raw = t.float().numpy() if t.dim() == 1 else t
        if t.dim() == 2 and t.dtype == torch.bfloat16:
            got = torch.from_numpy(np.array(g.data)).view(torch.bfloat16)
        else:
            got, raw = torch.from_numpy(np.array(g.data)), torch.as_tensor(raw)
        if (".q_proj." in key or ".k_proj." in key) and spec["classes"][0] in ("LlamaConfig", "MistralConfig"):
            heads = spec["config"]["num_attention_heads" if ".q_proj." in key else "num_key_value_heads"]
            n = got.shape[0] // heads
            order = [h * n + 2 * j + s for h in range(heads) for s in (0, 1) for j in range(n // 2)]
            got = got[torch.tensor(order)]
        assert torch.equal(got, raw), (name, key)
    assert set(have) <= {"rope_freqs.weight"}, have
    return len(want)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--models", required=True)
    a = a.parse_args()
    torch.set_num_threads(1)
    for name, spec in SPECS.items():
        folder = Path(a.models) / name
        e = json.loads((folder / "expected.json").read_text())
        saved = load_file(folder / "expected.safetensors")
        ids = e["prompts"][0]["ids"]
        base = logits(folder, ids, {})
        again = (base - saved["logits.0"]).abs().max().item()
        assert again < 1e-5, (name, again)
        moved = [(logits(folder, ids, f) - base).abs().max().item() for f in features(spec)]
        assert min(moved) > 1e-2, (name, moved)
        count = same_weights(folder, name, spec) if spec["gguf"] else 0
        print(f"{name}: reloaded within {again:.1e}, features move logits by {[round(m, 2) for m in moved]}, {count} tensors equal in GGUF")


if __name__ == "__main__":
    main()
