"""A teacher on disk: one file that holds its weights and all that using it correctly depends on.

Teachers that are handed around as bare weights meet data whose classes are in another order, or whose pixels are
normalised otherwise; nothing fails then but the result (RDED's issues 3, 4, 6 and 10 are this one mistake). A bundle
names classes, their order and the normalisation, and `refuse_mismatch` holds them against the data.

The file is a zip of torch tensors (`torch.load(weights_only=True)` opens it): `weights` and `stats` by parameter name,
`facts` as JSON, and `digest`, which is held against what is read: the zip reader of torch looks at no checksum.
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
from ddkit.nets import FlatNet, Stats, parse_net
from ddkit.run import atomic_write
from ddkit.torch_file import refuse_packed, tensor_bytes

FORMAT = "ddkit-teacher/2"

DAMAGE = (
    *(OSError, EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, AssertionError, MemoryError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)
"""What torch, zipfile and json raise over a file that is cut off or something else."""


@dataclass(frozen=True, kw_only=True)
class TeacherFacts:
    """What is known of a teacher: its network, what it was trained on, and how well it does there.

    `shape` is that of its images (channels, height, width), `mean` and `std` how their [0, 1] pixels were normalised,
    `validation_accuracy` the share of the validation part that it classified correctly.
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
        """Of a teacher for real data that is normalised channel by channel; `data` is what it was trained on."""
        return TeacherFacts(
            net=net.spec,
            shape=real.data.shape,
            classes=real.data.classes,
            data=data,
            data_digest=real.data.digest,
            mean=real.preprocess.mean,  # type: ignore[union-attr]  # `obtain_teachers` has refused whitened data
            std=real.preprocess.std,  # type: ignore[union-attr]
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
        """Its network."""
        return FlatNet(parse_net(self.facts.net), self.facts.shape, len(self.facts.classes))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of its numbers and facts."""
        sha = hashlib.sha256(json.dumps(dataclasses.asdict(self.facts)).encode())
        for tensor in (self.theta, *self.stats.values()):
            sha.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()

    @property
    def size(self) -> int:
        """Bytes of its numbers, at 4 each."""
        return 4 * sum(tensor.numel() for tensor in (self.theta, *self.stats.values()))

    def to(self, device: torch.device | str) -> "Bundle":
        """The same with its numbers on the device."""
        return Bundle(self.theta.to(device), {name: value.to(device) for name, value in self.stats.items()}, self.facts)

    def refuse_mismatch(self, real: RealData, where: str) -> None:
        """Raise DataError unless the teacher reads the data's pixels and names its classes as the data does."""
        ours, data, preprocess = self.facts, real.data, real.preprocess
        if ours.shape != data.shape:
            raise DataError(f"{where}: takes images of shape {ours.shape}, the data has {data.shape}; train another")
        if ours.classes != data.classes:
            differs = next(
                (i for i, pair in enumerate(zip(ours.classes, data.classes, strict=False)) if pair[0] != pair[1]),
                min(len(ours.classes), len(data.classes)),
            )
            theirs = [names[differs] if differs < len(names) else "nothing" for names in (ours.classes, data.classes)]
            raise DataError(
                f"{where}: its class {differs} is '{theirs[0]}', the data's is '{theirs[1]}'; its answers would "
                "be read as other classes; put the data's classes in its order, or train another"
            )
        found = (getattr(preprocess, "mean", None), getattr(preprocess, "std", None))
        if not all(map(_alike, found, (ours.mean, ours.std))):
            raise DataError(
                f"{where}: reads pixels normalised by mean {_short(ours.mean)} and std {_short(ours.std)}, the "
                f"data's are {_short(found[0])} and {_short(found[1])}; use the same split and "
                "preprocessing, or train another"
            )


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write a teacher to `path`, whole or not at all.

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
        temporary.write_bytes(image.getbuffer())


def read_bundle(path: Path) -> Bundle:
    """Read a teacher back, on the CPU.

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
            raise ValueError("its tensors say that they hold more numbers than it does")
        facts = _facts(json.loads(table["facts"]))
        # Detached, since a flipped bit can mark a tensor as one that requires a gradient.
        theta = torch.cat([value.detach().float().flatten() for value in table["weights"].values()])
        bundle = Bundle(theta, {name: value.detach().float() for name, value in table["stats"].items()}, facts)
        if _shapes(table["weights"]) != _shapes(bundle.net.unflatten(theta)):
            raise ValueError("its weights are not those of its network")
        if _shapes(bundle.stats) != _shapes(bundle.net.init_stats(theta)):
            raise ValueError("its statistics are not those of its network")
        if table["digest"] != bundle.digest:
            raise ValueError("its numbers are not those that were written")
        if not all(bool(value.isfinite().all()) for value in (theta, *bundle.stats.values())):
            raise ValueError("its numbers are not finite")
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"teacher '{path}': there is no such file; `ddkit teachers ls` lists those that are") from None
    except (*DAMAGE, DDKitError) as error:  # DDKitError: a network that this version does not know
        raise DataError(
            f"teacher '{path}': is no teacher of ddkit's, or damaged ({type(error).__name__}); fetch another "
            "copy, or `ddkit teachers rm` it to train it again"
        ) from None
    return bundle


def _facts(texts: dict[str, Any]) -> TeacherFacts:
    """The facts of a file, each of the type that it should be."""
    kinds: dict[str, Callable[[Any], Any]] = {
        **{"shape": _tuple_of(int), "classes": _tuple_of(str), "mean": _tuple_of(float), "std": _tuple_of(float)},
        "validation_accuracy": float,
    }
    return TeacherFacts(**{name: kinds.get(name, str)(value) for name, value in texts.items()})


def _tuple_of(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: tuple(map(kind, values))


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _alike(one: tuple[float, ...] | None, other: tuple[float, ...]) -> bool:
    return one is not None and len(one) == len(other) and all(map(partial(math.isclose, abs_tol=1e-4), one, other))


def _short(values: tuple[float, ...] | None) -> str:
    return "none" if values is None else "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
