from cog import BaseRunner, Input


class Runner(BaseRunner):
    def setup(self) -> None:
        """Load the model once, when the server starts."""
        self.greeting = "hello"

    def run(self, text: str = Input(description="Whom to greet", default="world")) -> str:
        """Answer one request."""
        return f"{self.greeting} {text}"
