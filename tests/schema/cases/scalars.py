from cog import BasePredictor, File, Path, Secret


class Predictor(BasePredictor):
    def predict(
        self,
        prompt_text: str,
        count: int,
        scale: float,
        fast: bool,
        image: Path,
        archive: File,
        token: Secret,
    ) -> str:
        return prompt_text
