def run(text: str = "a") -> str:
    return text
