from torch import Tensor, nn

ARMS = 3


class Net(nn.Module):
    """Tells which of three spiral arms a point of the plane lies on."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, ARMS)
        )

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)
