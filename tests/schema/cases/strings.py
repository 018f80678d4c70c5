import inspect
import textwrap

import catalogue
from cog import BasePredictor, Input

LIMIT = 8
KNOWN = ["a", "b"]
HELP = """
    Two lines,
    dedented.
"""


class Predictor(BasePredictor):
    def predict(
        self,
        implicit: str = Input(description="one " "text"),
        added: str = Input(description="one " + "text"),
        escaped: str = Input(description="a\tb\nc \u00e9 \"quoted\" \\", default="\x41"),
        raw: str = Input(description=r"a\d"),
        formatted: str = Input(description=f"at most {LIMIT}, one of {', '.join(KNOWN)}"),
        dedented: str = Input(description=textwrap.dedent(HELP).strip()),
        cleaned: str = Input(description=inspect.cleandoc(HELP)),
        multiple: str = Input(
            description=(
                "first "
                "second"
            ),
        ),
        unicode: str = Input(default="日本語 🎉", description="naïve"),
        foreign: str = Input(description=catalogue.TEXT),
        times: str = "ab" * 3,
    ) -> str:
        return ""
