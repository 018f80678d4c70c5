def predict(scale: float = 1.5, flag: bool = False) -> float:
    return -scale if flag else scale
