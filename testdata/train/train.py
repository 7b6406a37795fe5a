"""Trains the small Qwen3 of testdata/models/war-and-peace. See README.md for the command and the numbers."""

import argparse
import json
import math
import os
import time

import numpy as np
import torch

import optim
import vocab
from model import Config, Qwen3


def arguments():
    a = argparse.ArgumentParser()
    a.add_argument("--text", required=True)
    a.add_argument("--out", required=True, help="folder for tokenizer.json, weights.pt, log.jsonl")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--epochs", type=float, default=14.5)
    a.add_argument("--minutes", type=float, default=0, help="if set: the schedule follows the clock and ends at this time")
    a.add_argument("--batch", type=int, default=8)
    a.add_argument("--length", type=int, default=512)
    a.add_argument("--lr", type=float, default=3e-3)
    a.add_argument("--weight-decay", type=float, default=0.3)
    a.add_argument("--dropout", type=float, default=0.1)
    a.add_argument("--bpe-dropout", type=float, default=0.03, help="falls linearly to 0 at 70 %% of the run")
    a.add_argument("--ema", type=float, default=0.995)
    a.add_argument("--eval-every", type=int, default=150)
    a.add_argument("--patience", type=int, default=4, help="stop when so many evaluations in a row bring no better held-out loss")
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--max-steps", type=int, default=0)
    a.add_argument("--compile", action="store_true")
    return a.parse_args()


def windows(ids: torch.Tensor, length: int, shift: int) -> torch.Tensor:
    """[N, length+1] windows starting at shift; neighbours share one token, so every token but the first is predicted once."""
    return ids[shift:].unfold(0, length + 1, length)


@torch.no_grad()
def held_out(model, ids, length) -> float:
    """Mean loss of non-overlapping windows of `length` tokens, each scored from its second token."""
    model.eval()
    rows = ids[: len(ids) // length * length].view(-1, length)
    total = 0.0
    for r in rows.split(8):
        total += model.loss(r[:, :-1], r[:, 1:]).item() * len(r)
    model.train()
    return total / len(rows)


class Epochs:
    """Batches without end: each epoch is segmented anew (BPE-dropout), cut at a new shift and shuffled."""

    def __init__(self, tok, text, a, device):
        self.tok, self.text, self.a, self.device = tok, text, a, device
        self.gen = torch.Generator().manual_seed(a.seed)
        self.batches, self.epoch = [], 0

    def next(self, progress: float):
        if not self.batches:
            p = self.a.bpe_dropout * max(0.0, 1 - progress / 0.7)
            tok = vocab.with_dropout(self.tok, p) if p > 0 else self.tok
            # Chapters are encoded one by one: dropout is drawn per call and memory stays small.
            parts = self.text.split("\nCHAPTER ")
            parts = [s if i == 0 else "\nCHAPTER " + s for i, s in enumerate(parts)]
            ids = torch.tensor([i for e in tok.encode_batch(parts) for i in e.ids], device=self.device)
            shift = int(torch.randint(self.a.length, (1,), generator=self.gen))
            w = windows(ids, self.a.length, shift)
            order = torch.randperm(len(w), generator=self.gen).to(self.device)
            self.batches = [w[o] for o in order.split(self.a.batch) if len(o) == self.a.batch]
            self.epoch += 1
        b = self.batches.pop()
        return b[:, :-1], b[:, 1:]


def rate(progress: float, lr: float) -> float:
    """Linear warm-up over 2 %, then a half cosine to 2 % of lr."""
    if progress < 0.02:
        return lr * progress / 0.02 + 1e-6
    return lr * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - 0.02) / 0.98))))


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    text, rest, offset = vocab.read(a.text)
    tok = vocab.train(text)
    tok.save(f"{a.out}/tokenizer.json")
    valid = torch.tensor(tok.encode(rest).ids, device=device)
    count = len(tok.encode(text).ids)
    steps = int(a.epochs * count / (a.batch * a.length))
    print(f"train {count} tokens, held out {len(valid)} tokens of {len(rest)} bytes from byte {offset}, {steps} steps", flush=True)

    model = Qwen3(Config(dropout=a.dropout)).to(device)
    averaged = Qwen3(Config()).to(device)
    averaged.load_state_dict(model.state_dict())
    opts = optim.build(model, a.lr, a.weight_decay)
    loss_of = torch.compile(model.loss) if a.compile else model.loss
    data = Epochs(tok, text, a, device)
    random = np.random.Generator(np.random.SFC64(a.seed))

    def noise(shape):
        if a.dropout == 0:
            return None
        full = (2 * model.c.num_hidden_layers + 2, *shape, model.c.hidden_size)
        return torch.frombuffer(bytearray(random.bytes(math.prod(full))), dtype=torch.uint8).view(full).to(device)

    log = open(f"{a.out}/log.jsonl", "w")
    best, worse, recent, start, step = math.inf, 0, [], time.time(), 0
    params = sum(p.numel() for p in model.parameters())
    print(f"{params} parameters", flush=True)
    while True:
        progress = (time.time() - start) / 60 / a.minutes if a.minutes else step / steps
        done = progress >= 1 or (a.max_steps and step >= a.max_steps)
        if step % a.eval_every == 0 or done:
            with torch.autocast(device, dtype=torch.bfloat16):
                now, ema = held_out(model, valid, a.length), held_out(averaged, valid, a.length)
            row = dict(step=step, epoch=data.epoch, seconds=round(time.time() - start), train=round(sum(recent) / max(1, len(recent)), 4),
                       held_out=round(now, 4), held_out_averaged=round(ema, 4))
            recent = []
            print(json.dumps(row), file=log, flush=True)
            print(row, flush=True)
            worse += 1
            if ema < best:
                best, worse = ema, 0
                torch.save({k: v.cpu() for k, v in averaged.state_dict().items()}, f"{a.out}/weights.pt")
        if done or worse >= a.patience:
            break
        x, y = data.next(progress)
        for o in opts:
            for g in o.param_groups:
                g["lr"] = rate(progress, a.lr)
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = loss_of(x, y, noise(x.shape))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in opts:
            o.step()
            o.zero_grad(set_to_none=True)
        decay = min(a.ema, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.parameters()), list(model.parameters()), 1 - decay)
        recent.append(loss.detach().item())
        step += 1
    print(f"best held-out loss {best:.4f}, perplexity {math.exp(best):.2f}, {(time.time() - start) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
