"""What the scale of int8 activations costs, with and without outlier channels: held-out perplexity of the trained model.

The model is changed without changing its function: in every norm that feeds matrices some channels are multiplied by 100 or 1000 and the
matching columns of those matrices divided (place "norms"), or rows of up_proj are multiplied and columns of down_proj divided (place "down").
The changed checkpoint is quantised by tessera convert; its weights, still in GGUF blocks, are decoded with the gguf package, so that weights
are the same in all columns. (--after changes the decoded weights instead: 4-bit weights lose the divided columns otherwise.) Then torch computes the held-out text with the input of every matrix rounded to int8 by one of the schemes:

    s256e32   ours (docs/numerics.md): a scale per 256 channels times a power of two per 32
    per-32    an exact float32 scale per 32 channels
    per-256   one float32 scale per 256 channels

The columns are the change of perplexity against unrounded inputs, in per cent, with the standard error of the paired difference. "engine" is
tessera perplexity on the same checkpoint, --disable quantize-activations beside the default: the real kernels, which for q4_k also round the
sums that meet the minima.

    python activation_scales.py --tessera ../../bin/tessera --text war-and-peace.txt --model ../models/war-and-peace --windows 84
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))
import vocab  # noqa: E402

WINDOW, SLAB, BLOCK = 512, 256, 32
UNPACKED = ["pack-weights", "group-projections", "share-embedding"]


def rounded(x, scale):
    return torch.where(scale > 0, torch.round(x / scale).clamp(-127, 127) * scale, torch.zeros_like(x))


def s256e32(x):
    """docs/numerics.md; K is a multiple of 256 here."""
    b = x.unflatten(-1, (-1, SLAB // BLOCK, BLOCK))
    most = b.abs().amax(-1, keepdim=True)
    base = most.amax(-2, keepdim=True) / 127
    limit = 127 * base
    e = (torch.frexp(limit).exponent - torch.frexp(most).exponent + 1).clamp(0, 20)
    e = torch.where(torch.ldexp(most, e) > limit, e - 1, e).clamp(0, 20)  # ldexp is exact here; a zero block gets 20
    e = torch.where(torch.ldexp(most, e) > limit, e - 1, e).clamp(0, 20)
    e = torch.where(most > 0, e, torch.full_like(e, 20))
    step = torch.ldexp(torch.ones_like(most), -e)
    inv = torch.where(base > 0, 1 / base, torch.zeros_like(base))
    q = torch.round(b * (inv / step)).clamp(-127, 127)
    return (q * (base * step)).reshape(x.shape)


def per(n):
    def scheme(x):
        b = x.unflatten(-1, (-1, n))
        return rounded(b, b.abs().amax(-1, keepdim=True) / 127).reshape(x.shape)

    return scheme


SCHEMES = {"s256e32": s256e32, "per-32": per(BLOCK), "per-256": per(SLAB)}


def outliers(weights, layers, place, channels, factor, seed):
    """Multiplies channels and divides their consumers' columns."""
    r = np.random.default_rng(seed)
    w = {k: v.float().clone() for k, v in weights.items()}
    for i in range(layers if channels else 0):
        p = f"model.layers.{i}."
        if place == "norms":
            places = [("input_layernorm", ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]), ("post_attention_layernorm", ["mlp.gate_proj", "mlp.up_proj"])]
        else:
            places = [("mlp.up_proj", ["mlp.down_proj"])]
        for made, used in places:
            c = torch.tensor(r.choice(w[p + made + ".weight"].shape[0], channels, replace=False))
            w[p + made + ".weight"][c] *= factor
            for u in used:
                w[p + u + ".weight"][:, c] /= factor
    return w


def quantised(tessera, folder, kind):
    """The weights of folder in a type, as float32."""
    bundle = Path(folder) / "bundle"
    disable = [a for p in UNPACKED for a in ("--disable", p)]
    subprocess.run([tessera, "convert", folder, "-o", str(bundle), "--type", kind, *disable], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    manifest = json.loads((bundle / "manifest.json").read_text())
    w = {}
    for t in manifest["weights"]:
        if not t.get("sources"):
            continue
        assert t["form"] == "rows" and len(t["sources"]) == 1, t
        raw = np.fromfile(bundle / t["file"], np.uint8, t["bytes"], offset=t["offset"])
        x = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[t["type"].upper()]) if t["type"] != "f32" else raw.view(np.float32)
        w[t["sources"][0]] = torch.from_numpy(np.array(x, np.float32).reshape(t["shape"]))
    shutil.rmtree(bundle)
    return w


def losses(model, rows, scheme):
    """Negative log-likelihood of every scored token."""
    last = [None, None]

    def hook(_, x):
        if x[0] is not last[0]:  # q, k and v read one input, and so do gate and up
            last[:] = x[0], scheme(x[0])
        return (last[1],)

    hooks = [m.register_forward_pre_hook(hook) for m in model.modules() if scheme and isinstance(m, torch.nn.Linear)]
    out = []
    with torch.no_grad():
        for b in rows.split(4):
            logits = model(b).logits[:, :-1]
            out.append(torch.nn.functional.cross_entropy(logits.flatten(0, 1), b[:, 1:].flatten(), reduction="none").double())
    for h in hooks:
        h.remove()
    return torch.cat(out)


def engine(tessera, folder, kind, text, windows, *more):
    a = [tessera, "perplexity", folder, "--type", kind, "--no-cache", "-f", text, "-c", str(WINDOW), "--score", "all", "--bos", "none", "--kv-type", "f32", "--max-windows", str(windows), "--json", *more]
    return json.loads(subprocess.run(a, check=True, capture_output=True).stdout)["perplexity"]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--tessera", required=True)
    a.add_argument("--text", required=True)
    a.add_argument("--model", required=True)
    a.add_argument("--windows", type=int, default=84)
    a.add_argument("--types", default="f32,q8_0,q4_k_m")
    a.add_argument("--places", default="norms,down")
    a.add_argument("--channels", default="0,1,4,16")
    a.add_argument("--factors", default="100,1000")
    a.add_argument("--seeds", type=int, default=1)
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--after", action="store_true", help="make the outliers behind the quantisation of the weights")
    a.add_argument("--engine", action="store_true", help="also tessera perplexity")
    a = a.parse_args()
    if a.after and a.engine:
        raise SystemExit("--engine runs the checkpoint, which has no outliers with --after")
    torch.set_num_threads(a.threads)
    tok = Tokenizer.from_file(f"{a.model}/tokenizer.json")
    _, text, _ = vocab.read(a.text)
    ids = torch.tensor(tok.encode(text).ids)
    rows = ids[: len(ids) // WINDOW * WINDOW].view(-1, WINDOW)[: a.windows]
    config = json.loads(Path(f"{a.model}/config.json").read_text())
    plain = load_file(f"{a.model}/model.safetensors")
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32).eval()
    print("| weights | place | channels | factor | seed | unrounded | " + " | ".join(SCHEMES) + " | engine |", flush=True)
    print("| --- | --- | ---: | ---: | ---: | ---: |" + " ---: |" * (len(SCHEMES) + 1), flush=True)
    cases = []
    for place in a.places.split(","):
        for n in map(int, a.channels.split(",")):
            if n == 0:
                if not any(c[1] == 0 for c in cases):
                    cases.append(("none", 0, 1, 0))
                continue
            cases += [(place, n, f, s) for f in map(int, a.factors.split(",")) for s in range(a.seeds)]
    for kind in a.types.split(","):
        for place, n, factor, seed in cases:
            with tempfile.TemporaryDirectory() as folder:
                for f in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
                    shutil.copy(f"{a.model}/{f}", folder)
                Path(folder, "config.json").write_text(json.dumps(config | {"torch_dtype": "float32"}))
                change = (config["num_hidden_layers"], place, n, factor, seed)
                save_file(outliers(plain, *change) if not a.after else outliers(plain, 0, "", 0, 1, 0), f"{folder}/model.safetensors", {"format": "pt"})
                w = quantised(a.tessera, folder, kind)
                if a.after:
                    w = outliers(w, *change)
                missing, unexpected = model.load_state_dict(w, strict=False)
                assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
                model.tie_weights()
                base = losses(model, rows, None)
                cells = [kind, place, n, factor, seed, f"{math.exp(base.mean()):.3f}"]
                for scheme in SCHEMES.values():
                    d = losses(model, rows, scheme) - base
                    se = d.std().item() / math.sqrt(len(d))
                    cells.append(f"{100 * math.expm1(d.mean()):+.2f} ± {100 * se:.2f}")
                ours = ""
                if a.engine:
                    held = Path(folder, "held-out.txt")
                    held.write_text(text)
                    p = [engine(a.tessera, folder, kind, str(held), a.windows, *x) for x in ((), ("--disable", "quantize-activations"))]
                    ours = f"{100 * (p[0] / p[1] - 1):+.2f}"
                print("| " + " | ".join(map(str, cells + [ours])) + " |", flush=True)


if __name__ == "__main__":
    main()
