"""A teacher on disk: one file with its weights and the facts that its correct use depends on.

If only weights are stored, a teacher may be used on data whose classes have another order, or whose pixels are
normalised in another way. Then no error occurs, but the results are wrong (RDED's issues 3, 4, 6 and 10). A bundle
stores the classes in their order and the normalisation, and `refuse_mismatch` compares them with the data.

The file is a zip of torch tensors, which `torch.load(weights_only=True)` opens: `weights` and `stats` by parameter
name, `facts` as JSON, and `digest`. The digest is compared with the content, because torch's zip reader checks no
checksums.
"""

import dataclasses
import hashlib
import io
import json
import math
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddkit.data import RealData
from ddkit.errors import DataError, DDKitError
from ddkit.nets import FlatNet, Stats, may_import, stored_net
from ddkit.run import atomic_write
from ddkit.torch_file import refuse_packed, tensor_bytes

FORMAT = "ddkit-teacher/2"

DAMAGE = (
    *(OSError, EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, AssertionError, MemoryError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)
"""Errors of torch, zipfile and json for a file that is damaged or of another format."""


@dataclass(frozen=True, kw_only=True)
class TeacherFacts:
    """The facts of a teacher.

    Attributes:
        net: its network by spec.
        shape: of its images (channels, height, width).
        classes: their names in the order of its outputs.
        data, data_digest: the data that it was trained on.
        mean, std: the normalisation of its images' [0, 1] pixels.
        validation_accuracy: the share of the validation part that it classifies correctly.
    """

    net: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    data: str
    data_digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    validation_accuracy: float

    @staticmethod
    def of(net: FlatNet, real: RealData, data: str, validation_accuracy: float) -> "TeacherFacts":
        """The facts of a teacher for real data that is normalised channel by channel; `data` is its training data."""
        mean, std = real.preprocess.mean, real.preprocess.std
        assert mean is not None and std is not None  # `obtain_teachers` has refused other data
        return TeacherFacts(
            net=net.spec,
            shape=real.data.shape,
            classes=real.data.classes,
            data=data,
            data_digest=real.data.digest,
            mean=mean,
            std=std,
            validation_accuracy=validation_accuracy,
        )


@dataclass(frozen=True, eq=False)
class Bundle:
    """One teacher: parameters [P], the running statistics of its batch norms, and its facts."""

    theta: Tensor
    stats: Stats
    facts: TeacherFacts

    @cached_property
    def net(self) -> FlatNet:
        """The network."""
        return FlatNet(stored_net(self.facts.net), self.facts.shape, len(self.facts.classes))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the parameters, the statistics and the facts."""
        sha = hashlib.sha256(json.dumps(dataclasses.asdict(self.facts)).encode())
        for tensor in (self.theta, *self.stats.values()):
            sha.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the parameters and the statistics as float32."""
        return 4 * sum(tensor.numel() for tensor in (self.theta, *self.stats.values()))

    def to(self, device: torch.device | str) -> "Bundle":
        """The same bundle with its tensors on the device."""
        return Bundle(self.theta.to(device), {name: value.to(device) for name, value in self.stats.items()}, self.facts)

    def refuse_mismatch(self, real: RealData, where: str) -> None:
        """Raise DataError unless the teacher and the data have equal image shapes, classes and normalisation."""
        own, data, preprocess = self.facts, real.data, real.preprocess
        if own.shape != data.shape:
            raise DataError(f"{where}: needs images of shape {own.shape}, the data has {data.shape}; train another")
        if own.classes != data.classes:
            differs = next(
                (i for i, pair in enumerate(zip(own.classes, data.classes, strict=False)) if pair[0] != pair[1]),
                min(len(own.classes), len(data.classes)),
            )
            pair = [names[differs] if differs < len(names) else "nothing" for names in (own.classes, data.classes)]
            raise DataError(
                f"{where}: its class {differs} is '{pair[0]}', the data's is '{pair[1]}', so its outputs would be "
                "read as other classes; put the data's classes in its order, or train another"
            )
        found = (preprocess.mean, preprocess.std)
        if not all(map(_close, found, (own.mean, own.std))):
            raise DataError(
                f"{where}: needs pixels normalised by mean {_short(own.mean)} and std {_short(own.std)}, the "
                f"data's are {_short(found[0])} and {_short(found[1])}; use the same split and "
                "preprocessing, or train another"
            )


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write a teacher to `path`. After an error, the old file is unchanged.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    image = io.BytesIO()
    weights = {name: value.clone() for name, value in bundle.net.unflatten(bundle.theta.cpu()).items()}
    stats = {name: value.cpu() for name, value in bundle.stats.items()}
    facts = json.dumps(dataclasses.asdict(bundle.facts))
    table = {"format": FORMAT, "facts": facts, "weights": weights, "stats": stats, "digest": bundle.digest}
    torch.save(table, image)
    with atomic_write(path) as temporary:
        temporary.write_bytes(image.getvalue())


def read_bundle(path: Path) -> Bundle:
    """Read a teacher, on the CPU.

    Raises:
        DataError: the file is missing, damaged, or not a teacher of ddkit's.
    """
    try:
        refuse_packed(path)
        table = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(table, dict) or not str(table.get("format")).startswith(FORMAT.partition("/")[0]):
            raise ValueError("not a teacher")
        if table["format"] != FORMAT:
            raise DataError(
                f"teacher '{path}': has format {table['format']}, not {FORMAT}; it is of another version of ddkit; "
                "`ddkit teachers rm` it"
            )
        if tensor_bytes([*table["weights"].values(), *table["stats"].values()]) > path.stat().st_size:
            raise ValueError("its tensors claim more bytes than the file has")
        facts = _facts(json.loads(table["facts"]))
        # Detached, since a flipped bit can make a tensor require a gradient.
        theta = torch.cat([value.detach().float().flatten() for value in table["weights"].values()])
        bundle = Bundle(theta, {name: value.detach().float() for name, value in table["stats"].items()}, facts)
        if may_import(facts.net):  # else it can be listed, but not used
            _refuse_other_shapes(bundle, table["weights"])
        if table["digest"] != bundle.digest:
            raise ValueError("its numbers are not those that were written")
        if not all(bool(value.isfinite().all()) for value in (theta, *bundle.stats.values())):
            raise ValueError("its numbers are not finite")
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"teacher '{path}': there is no such file; `ddkit teachers ls` lists all teachers") from None
    except (*DAMAGE, DDKitError) as error:  # DDKitError: a network that this version does not have
        raise DataError(
            f"teacher '{path}': is not a teacher of ddkit's, or damaged ({type(error).__name__}); fetch another "
            "copy, or `ddkit teachers rm` it to train it again"
        ) from None
    return bundle


def _refuse_other_shapes(bundle: Bundle, weights: dict[str, Tensor]) -> None:
    """Raise ValueError if the file's tensors are not those of its network."""
    if _shapes(weights) != _shapes(bundle.net.unflatten(bundle.theta)):
        raise ValueError("its weights are not those of its network")
    if _shapes(bundle.stats) != _shapes(bundle.net.init_stats(bundle.theta)):
        raise ValueError("its statistics are not those of its network")


def _facts(texts: dict[str, Any]) -> TeacherFacts:
    """The facts of a file, converted to their types."""
    kinds: dict[str, Callable[[Any], Any]] = {
        **{"shape": _tuple_of(int), "classes": _tuple_of(str), "mean": _tuple_of(float), "std": _tuple_of(float)},
        "validation_accuracy": float,
    }
    return TeacherFacts(**{name: kinds.get(name, str)(value) for name, value in texts.items()})


def _tuple_of(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: tuple(map(kind, values))


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _close(one: tuple[float, ...] | None, other: tuple[float, ...]) -> bool:
    return one is not None and len(one) == len(other) and all(map(partial(math.isclose, abs_tol=1e-4), one, other))


def _short(values: tuple[float, ...] | None) -> str:
    return "none" if values is None else "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
