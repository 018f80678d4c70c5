def train(epochs: int) -> str:
    return f"{epochs} epochs"
