"""The front matter of a dataset's README.md: YAML that the Hugging Face Hub and `datasets` read."""

import json
from collections.abc import Mapping
from typing import Any

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}


def front_matter(
    name: str, task: str, samples: int, licence: str, tags: tuple[str, ...], tables: Mapping[str, str]
) -> str:
    """Return the front matter, with the lines `---` around it.

    Values are written as JSON, which is YAML too.

    Args:
        name: shown as the title of the dataset.
        task: one of the Hub's tasks, such as "image-classification".
        samples: number of rows.
        licence: its identifier on the Hub.
        tags: words by which the dataset is found.
        tables: configuration -> its parquet file, relative to the README. `datasets.load_dataset` loads "default".
    """
    fields: dict[str, Any] = {
        "license": licence,
        **({"license_name": "see-licence-of-the-data"} if licence == "other" else {}),
        "pretty_name": name,
        "task_categories": [task],
        "size_categories": [next((size for most, size in _SIZES.items() if samples < most), "n>1M")],
        "tags": ["dataset-distillation", "synthetic", *tags],
    }
    if tables:
        fields["configs"] = [
            {"config_name": name, "data_files": [{"split": "train", "path": path}]} for name, path in tables.items()
        ]
    else:
        fields["viewer"] = False
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())
    return "\n".join(("---", *lines, "---")) + "\n"
