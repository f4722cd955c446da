"""Writes small sets in the layouts of others' releases. Each has two images for each of four classes."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ddkit.randomness import stream

CLASSES, IPC, SHAPE = ("ape", "bee", "cat", "dog"), 2, (3, 8, 8)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
CONSTANTS: dict[str, Any] = {"mean": MEAN, "std": STD}
LABELS = torch.arange(4).repeat_interleave(IPC)


def write_data(folder: Path, name: str = "toy", classes: int = 4, side: int = 8, channels: int = 3) -> str:
    """Real data of noise with a brightness for each class, as npz. Returns its `data.name`."""
    draw, labels = stream(0, "data", name), torch.arange(classes).repeat(16)
    noise = torch.randint(0, 150, (len(labels), side, side, channels), generator=draw)
    images = (noise + 100 * labels.view(-1, 1, 1, 1) // classes).byte().numpy()
    names = {"classes": np.array(CLASSES)} if classes == 4 else {}
    file = folder / f"{name}.npz"
    parts = {"train_images": images[: -classes * 4], "train_labels": labels[: -classes * 4].numpy()}
    np.savez(file, **parts, test_images=images[-classes * 4 :], test_labels=labels[-classes * 4 :].numpy(), **names)
    return f"npz:{file}"


def pixels(purpose: str = "pixels") -> Tensor:
    """Images in [0, 1]."""
    return torch.rand(len(LABELS), *SHAPE, generator=stream(0, purpose))


def normalised(raw: Tensor) -> Tensor:
    return (raw - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)


@dataclass
class Built:
    """A release in a file or folder, what to say about it, and what is to be found.

    `images` are in the set's space ("normalised"), or in pixels. `soft` are probabilities.
    """

    path: Path
    images: Tensor
    options: dict[str, Any] = field(default_factory=dict)
    labels: Tensor = field(default_factory=lambda: LABELS)
    in_pixels: bool = False
    soft: Tensor | None = None
    lr: float | None = None


def dc(folder: Path) -> Built:
    """Two experiments; the last one is read."""
    first, last = normalised(pixels("first")), normalised(pixels("last"))
    table = {
        "data": [[first, LABELS], [last, LABELS]],
        "accs_all_exps": {"ConvNet": [np.float64(0.5), np.float64(0.7)]},
    }
    torch.save(table, folder / "res_DM_TOY_ConvNet_2ipc.pt")
    return Built(folder / "res_DM_TOY_ConvNet_2ipc.pt", last, CONSTANTS)


def dc_of_old_numpy(folder: Path) -> Built:
    """The same with the names that NumPy 1 gave its scalars."""
    built = dc(folder)
    with zipfile.ZipFile(built.path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(built.path, "w") as archive:
        for name, content in parts.items():
            old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            assert (old != content) == name.endswith("data.pkl")
            archive.writestr(name, old)
    return built


def datadam(folder: Path) -> Built:
    torch.save({"data": (normalised(pixels()), LABELS)}, folder / "syn_data.pt")
    return Built(folder / "syn_data.pt", normalised(pixels()), CONSTANTS)


def mtt(folder: Path) -> Built:
    images = torch.nn.Parameter(normalised(pixels()))
    torch.save(images, folder / "images_best.pt")
    torch.save(LABELS, folder / "labels_best.pt")
    torch.save(normalised(pixels("other")), folder / "images_500.pt")
    return Built(folder, images.detach(), CONSTANTS)


def ftd(folder: Path) -> Built:
    """The average of the images, without a learning rate."""
    torch.save(normalised(pixels()), folder / "ema_images_best.pt")
    torch.save(LABELS.float(), folder / "ema_labels_best.pt")
    return Built(folder / "ema_images_best.pt", normalised(pixels()), CONSTANTS)


def datm(folder: Path) -> Built:
    """Logits, of which one has left its class, and a learning rate."""
    logits = 5 * torch.nn.functional.one_hot(LABELS, 4) + torch.randn(8, 4, generator=stream(0, "logits"))
    logits[3] = torch.tensor([9.0, 1.0, 0.0, 0.0])
    torch.save(normalised(pixels()), folder / "images_best.pt")
    torch.save(logits.requires_grad_(), folder / "labels_best.pt")
    torch.save(torch.tensor(0.02), folder / "lr_best.pt")
    return Built(folder / "images_best.pt", normalised(pixels()), CONSTANTS, soft=logits.detach().softmax(1), lr=0.02)


def tesla(folder: Path) -> Built:
    soft = (4.0 * torch.nn.functional.one_hot(LABELS, 4)).softmax(1)
    torch.save(normalised(pixels()), folder / "images_200.pt")
    torch.save(soft, folder / "labels_200.pt")
    return Built(folder / "images_200.pt", normalised(pixels()), CONSTANTS, soft=soft)


def parts(folder: Path) -> Built:
    """Ten parts would be in another order by their names."""
    images = normalised(pixels())
    for number, (own, labels) in enumerate(zip(images.split(4), LABELS.split(4), strict=True)):
        torch.save(own, folder / f"images_best_{number}.pt")
        torch.save(labels, folder / f"labels_best_{number}.pt")
    return Built(folder, images, CONSTANTS)


def idc(folder: Path) -> Built:
    torch.save([pixels(), LABELS], folder / "data.pt")
    return Built(folder / "data.pt", pixels(), {"factor": 1}, in_pixels=True)


def packed(folder: Path) -> Built:
    """Every tile of 4 x 4 has one colour, so that it is easy to enlarge. Classes are not in blocks."""
    labels = torch.tensor([3, 0, 1, 2, 2, 1, 0, 3])
    colours = torch.rand(8, 3, 2, 2, generator=stream(0, "colours"))
    torch.save([colours.repeat_interleave(4, 2).repeat_interleave(4, 3), labels], folder / "data.pt")
    rows, classes = [], []
    for label in range(4):
        for i in (i for i in range(8) if labels[i] == label):
            for tile in range(4):
                rows.append(colours[i, :, tile // 2, tile % 2].view(3, 1, 1).expand(3, 8, 8))
                classes.append(label)
    return Built(folder / "data.pt", torch.stack(rows), {"factor": 2}, torch.tensor(classes), in_pixels=True)


def npz(folder: Path) -> Built:
    """Channels last, float64."""
    np.savez(folder / "plain.npz", x=normalised(pixels()).permute(0, 2, 3, 1).double().numpy(), y=LABELS.numpy())
    return Built(folder / "plain.npz", normalised(pixels()), CONSTANTS)


def frepo(folder: Path) -> Built:
    """Targets of a regression."""
    targets = torch.nn.functional.one_hot(LABELS, 4) - 0.25
    np.savez(folder / "step000500.npz", image=normalised(pixels()).permute(0, 2, 3, 1).numpy(), label=targets.numpy())
    return Built(folder / "step000500.npz", normalised(pixels()), CONSTANTS)


def pictures(folder: Path) -> Built:
    """Folders in another order than the data's classes."""
    encoded = (pixels() * 255).round().byte()
    names = {0: "Ape", 1: "Bee", 2: "cat", 3: "dog"}
    for number, (image, label) in enumerate(zip(encoded, LABELS.tolist(), strict=True)):
        (folder / names[label]).mkdir(exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / names[label] / f"{number}.png")
    return Built(folder, encoded.float() / 255, in_pixels=True)


def numbered_pictures(folder: Path) -> Built:
    """By their names, new10 is before new9."""
    encoded = (pixels() * 255).round().byte()
    for number, (image, label) in enumerate(zip(encoded, LABELS.tolist(), strict=True)):
        (folder / f"new{label + 8}").mkdir(exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"new{label + 8}" / f"class_id{number:03d}.png")
    return Built(folder, encoded.float() / 255, in_pixels=True)


def png_bytes(image: Tensor) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, format="png")
    return file.getvalue()


def parquet(folder: Path) -> Built:
    """A dataset folder of Hugging Face, whose label counts the classes in another order."""
    import pyarrow
    from pyarrow.parquet import write_table

    encoded = (pixels() * 255).round().byte()
    names = ["dog", "cat", "bee", "ape"]
    rows = [{"bytes": png_bytes(image), "path": f"{i}.png"} for i, image in enumerate(encoded)]
    table = pyarrow.table({"image": rows, "class_id": (3 - LABELS).tolist(), "text": ["a"] * 8})
    features = {"class_id": {"_type": "ClassLabel", "names": names}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    (folder / "data").mkdir()
    write_table(table, folder / "data" / "train-00000-of-00001.parquet")
    return Built(folder, encoded.float() / 255, in_pixels=True)


def exact_parquet(folder: Path) -> Built:
    """What ddkit publishes: the set's own numbers beside its pictures, with soft labels."""
    import pyarrow
    from pyarrow.parquet import write_table

    soft = (3.0 * torch.nn.functional.one_hot(LABELS, 4)).softmax(1)
    parquet(folder)

    def vectors(rows: Tensor) -> Any:
        return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.flatten().numpy()), rows.shape[1])

    columns = {
        "values": vectors(normalised(pixels()).flatten(1)),
        "label": LABELS.tolist(),
        "soft_label": vectors(soft),
    }
    (folder / "exact").mkdir()
    write_table(pyarrow.table(columns), folder / "exact" / "train-00000-of-00001.parquet")
    return Built(folder, normalised(pixels()), CONSTANTS, soft=soft)


LAYOUTS: dict[str, Callable[[Path], Built]] = {
    build.__name__: build
    for build in (
        *(dc, dc_of_old_numpy, datadam, mtt, ftd, datm, tesla, parts, idc, packed, npz, frepo),
        *(pictures, numbered_pictures, parquet, exact_parquet),
    )
}
