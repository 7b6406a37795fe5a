"""Writes expected.json beside the checkpoint: what transformers computes with it on the CPU, the bf16 weights widened to float32.

All token ids come from tokenizer.json through the tokenizers package, no special token added. The held-out text is the bytes of the
training text from held_out.byte_offset to its end; it is encoded in one call; window i is ids[512*i : 512*(i+1)], windows do not overlap,
each starts with an empty cache and its tokens 1..511 are scored from the logits at 0..510. Perplexity = exp(sum of -ln p / tokens scored).
perplexity_second_half scores only tokens 257..511 of every window, which is what llama.cpp's perplexity tool does with a context of 512.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

import vocab

WINDOW, FIRST = 512, 16
PROMPT = "Prince Andrew looked at Pierre and"
POSITIONS = [0, 1, 2, 31, 255, 256, 257, 511]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--text", required=True)
    a.add_argument("--model", required=True)
    a = a.parse_args()
    torch.set_num_threads(1)
    tok = Tokenizer.from_file(f"{a.model}/tokenizer.json")
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, attn_implementation="eager").eval()
    _, text, offset = vocab.read(a.text)
    ids = torch.tensor(tok.encode(text).ids)
    rows = ids[: len(ids) // WINDOW * WINDOW].view(-1, WINDOW)
    losses, late, first = [], 0.0, None
    with torch.no_grad():
        for r in rows:
            logits = model(r[None]).logits[0]
            if first is None:
                first = logits
            each = torch.nn.functional.cross_entropy(logits[:-1].double(), r[1:], reduction="none")
            losses.append(each.sum().item())
            late += each[WINDOW // 2 :].sum().item()
        prompt = tok.encode(PROMPT).ids
        out, gaps = list(prompt), []
        for _ in range(64):
            best = model(torch.tensor([out])).logits[0, -1].topk(2)
            gaps.append((best.values[0] - best.values[1]).item())
            out.append(best.indices[0].item())

    def ppl(n):
        return math.exp(sum(losses[:n]) / (n * (WINDOW - 1)))

    top = [{"position": p, "ids": first[p].topk(5).indices.tolist(), "logits": [round(v, 6) for v in first[p].topk(5).values.tolist()],
            "lse": round(first[p].double().logsumexp(0).item(), 6)} for p in POSITIONS]
    value = {
        "compute": "transformers, float32 on the bf16 weights, CPU, eager attention",
        "held_out": {"byte_offset": offset, "bytes": len(text.encode()), "tokens": len(ids), "window": WINDOW,
                     "windows": len(rows), "scored_per_window": WINDOW - 1},
        "perplexity_first_16_windows": ppl(FIRST), "perplexity_all_windows": ppl(len(rows)),
        "perplexity_second_half": math.exp(late / (len(rows) * (WINDOW // 2 - 1))),
        "mean_loss_per_window_first_16": [round(v / (WINDOW - 1), 7) for v in losses[:FIRST]],
        "first_window_ids": rows[0].tolist(), "first_window_top5": top,
        "greedy": {"prompt": PROMPT, "prompt_ids": prompt, "ids": out[len(prompt):], "text": tok.decode(out[len(prompt):]),
                   "smallest_gap_of_the_two_best_logits": round(min(gaps), 5)},
    }
    Path(f"{a.model}/expected.json").write_text(json.dumps(value, indent=1) + "\n")
    print(value["perplexity_first_16_windows"], value["perplexity_all_windows"], min(gaps), repr(value["greedy"]["text"]))


if __name__ == "__main__":
    main()
