"""Writes `model.onnx` and `sample.png`: pip install scikit-learn skl2onnx, python train.py.

Put your own export here, or delete it.
"""

import numpy as np
from PIL import Image
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier


def main() -> None:
    pixels, digits = load_digits(return_X_y=True)
    split = train_test_split(pixels, digits, test_size=0.25, random_state=0, stratify=digits)
    train_pixels, test_pixels, train_digits, test_digits = split
    model = MLPClassifier((32,), max_iter=1000, random_state=0).fit(train_pixels, train_digits)
    print(f"{model.score(test_pixels, test_digits):.1%} of unseen digits are read")
    exported = to_onnx(
        model,
        initial_types=[("pixels", FloatTensorType([None, 64]))],
        options={"zipmap": False},
    )
    with open("model.onnx", "wb") as file:
        file.write(exported.SerializeToString())
    seven = test_pixels[np.flatnonzero(test_digits == 7)[0]].reshape(8, 8)
    image = Image.fromarray((seven * 255 / 16).astype(np.uint8))
    image.resize((96, 96), Image.Resampling.NEAREST).save("sample.png")


if __name__ == "__main__":
    main()
