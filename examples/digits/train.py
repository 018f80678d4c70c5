"""Trains the classifier on scikit-learn's own digits and writes `digits.joblib`.

    pip install -r requirements.txt && python train.py

It also writes `samples/`: three images the model never saw while training.
"""

from pathlib import Path

import joblib
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels)
    train_images, test_images, train_labels, test_labels = split
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(train_images, train_labels)
    score = model.score(test_images, test_labels)
    print(f"accuracy on {len(test_labels)} unseen images: {score:.3f}")
    joblib.dump(model, HERE / "digits.joblib", compress=9)
    (HERE / "samples").mkdir(exist_ok=True)
    for digit in (2, 5, 7):
        pixels = test_images[np.flatnonzero(test_labels == digit)[0]].reshape(8, 8)
        image = Image.fromarray((pixels * 255 / 16).astype(np.uint8))
        image.resize((96, 96), Image.Resampling.NEAREST).save(HERE / f"samples/{digit}.png")


if __name__ == "__main__":
    main()
