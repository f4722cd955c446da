"""Read a ddkit set with Hugging Face's `datasets`, without ddkit: python examples/read_with_hugging_face.py SET.h5"""

import sys

import datasets

rows = datasets.load_dataset("hdf5", data_files=sys.argv[1], split="train").with_format("numpy")
print(f"{len(rows)} images of shape {rows[0]['image'].shape}, labels {sorted({int(label) for label in rows['label']})}")
