import plain.limits
from pkg import Kind, Options, default_name
from pkg import consts as k
from pkg.deep.more import *

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def predict(
        self,
        kind: Kind = Kind.ONE,
        name: str = Input(default=default_name, max_length=plain.limits.LONGEST),
        steps: int = Input(default=k.STEPS, le=k.MOST),
        starred: str = STARRED,
        size: str = Input(choices=list(k.SIZES.values())),
    ) -> Options:
        return Options()
