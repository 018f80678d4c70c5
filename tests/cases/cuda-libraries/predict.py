def run(n: int = 1) -> int:
    return n
