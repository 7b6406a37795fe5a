"""Muon (Jordan 2024) for the matrices of the layers, AdamW for embedding and norms. One learning rate for both: the orthogonalised
update is scaled by 0.2*sqrt(max(rows, cols)) so that its RMS is that of Adam (arXiv:2502.16982)."""

import torch


def orthogonalise(g: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrix; g is [..., rows, cols]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16()
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["m"] = torch.zeros_like(p)
                m = state["m"]
                m.mul_(group["momentum"]).add_(p.grad)
                u = orthogonalise(p.grad + group["momentum"] * m)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(u, alpha=-group["lr"] * 0.2 * max(p.shape) ** 0.5)


def build(model, lr, weight_decay):
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    embed = [p for n, p in model.named_parameters() if "embed" in n]
    norms = [p for p in model.parameters() if p.dim() == 1]
    adam = torch.optim.AdamW(
        [dict(params=embed, weight_decay=weight_decay), dict(params=norms, weight_decay=0.0)],
        lr=lr, betas=(0.9, 0.95), fused=True,
    )
    return [Muon(matrices, lr=lr, weight_decay=weight_decay), adam]
