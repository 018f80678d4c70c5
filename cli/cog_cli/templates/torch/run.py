import torch
from cog import BaseModel, BaseRunner, Input

from model import Net


class Output(BaseModel):
    arm: int
    probability: float


class Runner(BaseRunner):
    def setup(self) -> None:
        """Load the model once, when the server starts."""
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        weights = torch.load("weights.pt", map_location=self.device, weights_only=True)
        self.net = Net().to(self.device).eval()
        self.net.load_state_dict(weights)

    @torch.inference_mode()
    def run(
        self,
        x: float = Input(description="Where the point lies, to the right", ge=-1, le=1),
        y: float = Input(description="Where the point lies, upwards", ge=-1, le=1),
    ) -> Output:
        """Answer one request: the spiral arm of a point."""
        scores = self.net(torch.tensor([[x, y]], device=self.device)).softmax(dim=1)[0]
        arm = int(scores.argmax())
        return Output(arm=arm, probability=float(scores[arm]))
