"""Writes `weights.pt`: python train.py. Put your own training here, or delete it."""

import math

import torch
from torch import Tensor, nn

from model import ARMS, Net


def spirals(count: int) -> tuple[Tensor, Tensor]:
    """Return points of the arms, a little beside their lines, and the arm of each."""
    radius = torch.linspace(0.05, 1, count).repeat(ARMS)
    arm = torch.arange(ARMS).repeat_interleave(count)
    angle = 2 * math.pi * (radius + arm / ARMS)
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
    return points + 0.03 * torch.randn_like(points), arm


def main() -> None:
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(600):
        points, arm = spirals(200)
        loss = nn.functional.cross_entropy(net(points), arm)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    points, arm = spirals(500)
    right = (net(points).argmax(dim=1) == arm).float().mean()
    print(f"{right:.1%} of new points are found on their arm")
    torch.save(net.state_dict(), "weights.pt")


if __name__ == "__main__":
    main()
