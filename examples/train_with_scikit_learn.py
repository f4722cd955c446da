"""Train a support vector machine of scikit-learn on an exported set of digits, without ddkit and PyTorch, and print its
test accuracy:

ddkit export SET --to npz --out SET.npz && python examples/train_with_scikit_learn.py SET.npz
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

with np.load(sys.argv[1]) as arrays:
    x, y = arrays["raw"], arrays["label"]  # `raw` are pixels from 0 to 1; `image` are normalised
machine = SVC().fit(x.reshape(len(x), -1), y)
v, t = load_digits(return_X_y=True)
_, v, _, t = train_test_split(v / 16, t, test_size=0.2, random_state=0, stratify=t)
print(f"{machine.score(v, t):.4f}")
