import torch


@torch.compile
def double(n: int) -> int:
    return n * 2


def run(n: int = 1) -> int:
    return double(n)
