"""Slow, obvious readers of sets: plain h5py and NumPy, one rule after the other. None is what no set can be.

Each takes the parts that a file or a call gives (facts and record as plain values, arrays by name) and gives back what
`ddkit` must then hold.
"""

import hashlib
import json
import math
import unicodedata
from typing import Any

import h5py
import numpy as np

Parts = dict[str, Any]

TEXTS = ("method", "dataset", "data_digest", "space", "preprocess_digest", "net", "augment", "teachers")
DEFAULTS = {"augment": "", "evaluation_flip": 0.0, "fyi": False, "teachers": ""}
OPTIONAL = dict.fromkeys(("mean", "std", "lr", "temperature", "top_k", "counts", "formation"))
DEFAULTS |= OPTIONAL
RECORD = ("recipe", "environment", "lineage", "scores")
TREES = ("depth_size", "label", "leaf_degree", "fan", "child", "edge_label", "count")
EXPANSIONS = ("real+compensator/1", "real+compensator+mirror/1")
PACKED = ("soft_label_top", "soft_label_class", "soft_label_rest")


def is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and "\0" not in value and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def is_line(value: Any) -> bool:
    """A text of one line without control characters."""
    return is_text(value) and not any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in value)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**63


def is_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def is_names(value: Any) -> bool:
    many = isinstance(value, (list, tuple)) and len(value) > 1
    return many and all(is_line(each) and each.strip() for each in value) and len(set(value)) == len(value)


def is_column(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(is_number(each) for each in value)


def image_facts(given: Parts) -> Parts | None:
    """Facts of a set of images with their defaults."""
    facts = DEFAULTS | given
    if set(facts) != {*TEXTS, *DEFAULTS, "classes", "ipc"}:
        return None
    if not all(is_line(facts[name]) for name in TEXTS) or facts["space"] not in ("normalised", "zca"):
        return None
    if not is_names(facts["classes"]) or not is_whole(facts["ipc"]) or not isinstance(facts["fyi"], bool):
        return None
    if not is_number(facts["evaluation_flip"]) or not 0 <= facts["evaluation_flip"] <= 1:
        return None
    for name in ("lr", "temperature"):
        if facts[name] is not None and not (is_number(facts[name]) and facts[name] > 0):
            return None
    for name in ("mean", "std"):
        if facts[name] is not None and not is_column(facts[name]):
            return None
    mean, std, top_k = facts["mean"], facts["std"], facts["top_k"]
    if (
        (mean is None) != (facts["space"] == "zca")
        or (mean is None) != (std is None)
        or len(mean or ()) != len(std or ())
        or any(s <= 0 for s in std or ())
    ):
        return None
    if top_k is not None and (not is_whole(top_k) or facts["temperature"] is None or top_k >= len(facts["classes"])):
        return None
    if facts["formation"] is not None and not (is_whole(facts["formation"]) and facts["formation"] > 1):
        return None
    facts |= {name: float(facts[name]) for name in ("evaluation_flip", "lr", "temperature") if facts[name] is not None}
    facts |= {name: tuple(map(float, facts[name])) for name in ("mean", "std") if facts[name] is not None}
    return facts | {"classes": tuple(facts["classes"])}


def graph_facts(given: Parts) -> Parts | None:
    """Facts of a set of graphs with their default."""
    facts = {"readout": "mean"} | given
    if set(facts) != {"method", "dataset", "data_digest", "classes", "hops", "true_degrees", "readout"}:
        return None
    if not all(is_line(facts[name]) for name in ("method", "dataset", "data_digest")) or facts["readout"] != "mean":
        return None
    if not is_names(facts["classes"]) or not is_whole(facts["hops"]) or not isinstance(facts["true_degrees"], bool):
        return None
    return facts | {"classes": tuple(facts["classes"])}


def record_of(given: Parts) -> Parts | None:
    if set(given) != set(RECORD) or not all(is_text(text) for text in given.values()):
        return None
    for name in RECORD[1:]:
        try:
            table = json.loads(given[name])
        except (ValueError, RecursionError):
            return None
        if not isinstance(table, dict) or not is_text(json.dumps(table, ensure_ascii=False)):
            return None
    return given


def floats(array: Any, axes: int) -> np.ndarray | None:
    """Finite float32 numbers of so many axes."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.dtype.itemsize > 8 or array.ndim != axes:
        return None
    with np.errstate(over="ignore"):
        found = array.astype(np.float32)
    return found if found.size and np.isfinite(found).all() else None


def wholes(array: Any, axes: int = 1) -> np.ndarray | None:
    """Whole numbers as Python's, which do not overflow."""
    good = isinstance(array, np.ndarray) and array.dtype.kind in "iu" and array.ndim == axes
    return array.astype(object) if good else None


def images(facts: Parts | None, record: Parts | None, arrays: dict[str, Any]) -> Parts | None:
    """A plain set."""
    if facts is None or record is None or not {"image", "label"} <= set(arrays):
        return None
    pixels, labels, classes = floats(arrays["image"], 4), wholes(arrays["label"]), len(facts["classes"])
    if pixels is None or labels is None or len(labels) != len(pixels):
        return None
    if facts["mean"] is not None and len(facts["mean"]) != pixels.shape[1]:
        return None
    if not all(0 <= label < classes for label in labels):
        return None
    if facts["formation"] is not None and facts["temperature"] is None:
        return None
    counts = [sum(label == c for label in labels) for c in range(classes)]
    if facts["temperature"] is None and any(count != facts["ipc"] for count in counts):
        return None
    if facts["temperature"] is not None and classes > 1 and sum(count > 0 for count in counts) == 1:
        return None
    soft = soft_labels(facts, {name: array for name, array in arrays.items() if "soft" in name}, len(pixels))
    if soft is None or set(arrays) - {"image", "label", "soft_label", *PACKED}:
        return None
    return {"facts": facts, "record": record, "images": pixels, "labels": labels.astype(np.int64), "soft": soft[0]}


def soft_labels(facts: Parts, arrays: dict[str, Any], rows: int) -> tuple[np.ndarray | None] | None:
    """(None,) of a set without any."""
    classes, temperature, top_k = len(facts["classes"]), facts["temperature"], facts["top_k"]
    if not arrays:
        return (None,) if temperature is None else None
    if set(arrays) == {"soft_label"}:
        soft = floats(arrays["soft_label"], 2)
    elif set(arrays) == set(PACKED) and top_k is not None:
        soft = unpacked(*(arrays[name] for name in PACKED), classes=classes)
    else:
        return None
    if soft is None or soft.shape != (rows, classes):
        return None
    if temperature is None:
        good = (soft >= 0).all() and (np.abs(soft.astype(np.float64).sum(1) - 1) < 1e-3).all()
        return (soft,) if good else None
    with np.errstate(over="ignore"):
        soft = soft.astype(np.float16).astype(np.float32)
    if not np.isfinite(soft).all():
        return None
    if top_k is not None and any(len(set(sorted(row)[: classes - top_k])) > 1 for row in soft.tolist()):
        return None
    return (soft,)


def unpacked(top: Any, index: Any, rest: Any, classes: int) -> np.ndarray | None:
    top, index, rest = floats(top, 2), wholes(index, 2), floats(rest, 2)
    if top is None or index is None or rest is None or top.shape != index.shape or rest.shape != (len(top), 1):
        return None
    soft = np.repeat(rest, classes, 1)
    for row, named in enumerate(index.tolist()):
        if len(set(named)) < len(named) or not all(0 <= c < classes for c in named):
            return None
        for value, c in zip(top[row], named, strict=True):
            soft[row, c] = value
    return soft


def compact(facts: Parts | None, record: Parts | None, arrays: dict[str, Any], mirrored: bool) -> Parts | None:
    """The set that real images and compensators expand to."""
    if facts is None or record is None or facts["mean"] is None or not {"real", "compensator"} <= set(arrays):
        return None
    real, added = arrays["real"], arrays["compensator"]
    if not isinstance(real, np.ndarray) or real.dtype != np.uint8 or real.ndim != 5 or not real.size:
        return None
    if not isinstance(added, np.ndarray) or added.dtype != np.float16 or added.shape[1:] != real.shape[1:]:
        return None
    if added.ndim != 5 or not np.isfinite(added).all() or len(real) != len(facts["classes"]):
        return None
    if len(facts["mean"]) != real.shape[2] or facts["formation"] is not None:
        return None
    with np.errstate(all="ignore"):
        mean, std = (np.array(facts[name], np.float32)[:, None, None] for name in ("mean", "std"))
        low, high = (0 - mean) / std, (1 - mean) / std
        pixels = []
        for own in real:
            plain = (own.astype(np.float32) / np.float32(255) - mean) / std
            seen = [*plain, *(np.clip(plain[j] + one[j], low, high) for one in added for j in range(len(plain)))]
            pixels += [*seen, *(image[..., ::-1] for image in seen)] if mirrored else seen
    if not np.isfinite(np.stack(pixels)).all():
        return None
    labels = np.repeat(np.arange(len(real)), len(pixels) // len(real))
    soft = soft_labels(facts, {name: array for name, array in arrays.items() if "soft" in name}, len(pixels))
    if soft is None or set(arrays) - {"real", "compensator", "soft_label", *PACKED}:
        return None
    return {"facts": facts, "record": record, "images": np.stack(pixels), "labels": labels, "soft": soft[0]}


def packed_set(facts: Parts | None, record: Parts | None, arrays: dict[str, Any]) -> Parts | None:
    """The set of the small images of packed ones, each enlarged pixel by pixel."""
    if facts is None or record is None or "image" not in arrays or facts["formation"] is None:
        return None
    stored, k, classes = floats(arrays["image"], 4), facts["formation"], len(facts["classes"])
    if stored is None or k > min(stored.shape[2:]) or len(stored) != classes * facts["ipc"]:
        return None
    if facts["mean"] is not None and len(facts["mean"]) != stored.shape[1]:
        return None
    height, width = stored.shape[2:]

    def weights(side: int, pixel: int, part: int) -> list[tuple[int, float]]:
        """The stored pixels of a pixel of an enlarged side, each with its weight."""
        begin, end = part * side // k, (part + 1) * side // k
        place = max(0.0, (pixel + 0.5) * (end - begin) / side - 0.5)
        low = int(place)
        return [(begin + low, 1 - (place - low)), (min(begin + low + 1, end - 1), place - low)]

    pixels = np.zeros((len(stored), k, k, *stored.shape[1:]))
    for row, column, i, j in np.ndindex(k, k, height, width):
        for y, high in weights(height, i, row):
            for x, wide in weights(width, j, column):
                pixels[:, row, column, :, i, j] += high * wide * stored[:, :, y, x].astype(float)
    pixels = pixels.reshape(-1, *stored.shape[1:]).astype(np.float32)
    labels = np.repeat(np.arange(classes), facts["ipc"] * k * k)
    soft = soft_labels(facts, {name: array for name, array in arrays.items() if "soft" in name}, len(pixels))
    if soft is None or set(arrays) - {"image", "soft_label", *PACKED}:
        return None
    return {"facts": facts, "record": record, "images": pixels, "labels": labels, "soft": soft[0]}


def graphs(facts: Parts | None, record: Parts | None, arrays: dict[str, Any]) -> Parts | None:
    """A set of graphs, tree by tree."""
    judged = "sample_soft" if "sample_soft" in arrays else "sample_label"
    known = {*TREES, judged, "sample_support", "sample_size", "sample_tree", "node_vocabulary", "edge_vocabulary"}
    if facts is None or record is None or set(arrays) != known:
        return None
    two = ("node_vocabulary", "edge_vocabulary", "sample_soft")
    found = {name: wholes(array, 1 + (name in two)) for name, array in arrays.items() if name != "leaf_degree"}
    if any(array is None for array in found.values()):
        return None
    if any(not -(2**63) <= number < 2**63 for array in found.values() for number in array.flat):
        return None
    degree, classes = arrays["leaf_degree"], len(facts["classes"])
    if not isinstance(degree, np.ndarray) or degree.dtype not in (np.float32, np.float64) or degree.ndim != 1:
        return None
    vectors = [array.tolist() for name, array in found.items() if name not in two]
    if any(number < 0 for vector in vectors for number in vector) or any(sum(vector) > 2**53 for vector in vectors):
        return None
    if found["count"].sum() > 10**8:
        return None
    depth = found["depth_size"].tolist()
    if len(depth) != facts["hops"] + 1 or depth[-1] < 1 or len(found["label"]) != sum(depth):
        return None
    if len(degree) != depth[0] or not np.isfinite(degree).all() or (degree < 0).any():
        return None
    if len(found["fan"]) != sum(depth[1:]) or len(found["child"]) != sum(found["fan"]):
        return None
    if not len(found["child"]) == len(found["edge_label"]) == len(found["count"]):
        return None
    for name, vocabulary in (("label", "node_vocabulary"), ("edge_label", "edge_vocabulary")):
        if not len(found[vocabulary]) or any(label >= len(found[vocabulary]) for label in found[name]):
            return None
    nodes = written_out(depth, *(found[name].tolist() for name in ("fan", "child", "count")))
    if nodes is None or max(nodes) > 2**53:
        return None
    support, size, tree = (found[f"sample_{name}"].tolist() for name in ("support", "size", "tree"))
    if not support or min(support) < 1 or len(size) != len(support) or min(size) < 1 or len(tree) != sum(size):
        return None
    if any(one >= depth[-1] for one in tree):
        return None
    if judged == "sample_soft":
        soft = found["sample_soft"]
        if soft.shape != (len(support), classes - 1) or any(part < 0 or sum(row) > 255 for row in soft for part in row):
            return None
        whole = [[*row, 255 - sum(row)] for row in soft.tolist()]
        found["sample_label"] = np.array([row.index(max(row)) for row in whole])
    elif len(found["sample_label"]) != len(support) or any(label >= classes for label in found["sample_label"]):
        return None
    numbers = {name: array.astype(np.int64) for name, array in found.items()} | {"leaf_degree": degree}
    return {"facts": facts, "record": record, "arrays": numbers, "nodes": nodes}


def written_out(depth: list[int], fan: list[int], child: list[int], count: list[int]) -> list[int] | None:
    """Nodes of each tree of full depth, written out."""
    below, tree, edge = [1] * depth[0], 0, 0
    for size in depth[1:]:
        here = []
        for _ in range(size):
            nodes = 1
            for _ in range(fan[tree]):
                if child[edge] >= len(below) or count[edge] < 1:
                    return None
                nodes += count[edge] * below[child[edge]]
                edge += 1
            tree += 1
            here.append(nodes)
        below = here
    return below


def read(path: str) -> Parts | None:
    """What is in a file."""
    with h5py.File(path, "r") as file:
        attributes = {name: plain(value) for name, value in file.attrs.items()}
        form, kind = attributes.pop("format", None), attributes.pop("kind", None)
        earlier = form == "ddkit-set/1"
        if (
            form != ("ddkit-set/2" if file.userblock_size else "ddkit-set/1")
            or not isinstance(file.get("ddkit"), h5py.Group)
            or len(file["ddkit"])
        ):
            return None
        record = record_of({name: plain(value) for name, value in file["ddkit"].attrs.items()})
        try:
            attributes["classes"] = json.loads(attributes["classes"])
        except (LookupError, TypeError, ValueError):
            return None
        tables, mirrored = {name: file[name] for name in file if name != "ddkit"}, False
        if kind == "compact":
            group = tables.pop("compact", None)
            if not isinstance(group, h5py.Group) or set(group.attrs) != {"expansion", *["sha256"] * earlier}:
                return None
            expansion = plain(group.attrs["expansion"])
            if expansion not in (*EXPANSIONS, "packed/1"):
                return None
            parts = {"real", "compensator"} if expansion in EXPANSIONS else {"image"}
            if set(tables) - {"soft_label", *PACKED} or set(group) != parts:
                return None
            tables, mirrored = {**tables, **{name: group[name] for name in group}}, "mirror" in expansion
            facts = image_facts(attributes)
            if facts is None or not all(isinstance(table, h5py.Dataset) for table in tables.values()):
                return None
            if earlier and plain(group.attrs["sha256"]) != sha256(
                facts, expansion, {n: t[()] for n, t in tables.items()}
            ):
                return None
        if not all(isinstance(table, h5py.Dataset) for table in tables.values()):
            return None
        arrays = {name: native(np.asarray(table[()])) for name, table in tables.items() if table.shape is not None}
        if len(arrays) < len(tables):
            return None
        if kind == "graphs":
            return graphs(graph_facts(attributes), record, arrays)
        if kind == "compact":
            if expansion == "packed/1":
                return packed_set(facts, record, arrays)
            return compact(facts, record, arrays, mirrored)
        found = images(image_facts(attributes), record, arrays) if kind == "images" else None
        packed = found is not None and found["facts"]["top_k"] is not None
        return None if packed and "soft_label" in arrays else found


def sha256(facts: Parts, expansion: str, arrays: dict[str, Any]) -> str:
    """Of facts (without counts and formation, as in format 1), the name of the expansion, and the arrays."""
    order = (
        "method",
        "dataset",
        "data_digest",
        "classes",
        "ipc",
        "space",
        "preprocess_digest",
        "net",
        *(n for n in DEFAULTS if n not in ("counts", "formation")),
    )
    sha = hashlib.sha256(json.dumps({name: facts[name] for name in order}, sort_keys=True).encode())
    sha.update(expansion.encode())
    for name in ("real", "compensator", *sorted(set(arrays) - {"real", "compensator"})):
        sha.update(np.asarray(arrays[name]).tobytes())
    return sha.hexdigest()


def native(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("="))


def plain(value: Any) -> Any:
    """An attribute as a value of plain Python."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value
