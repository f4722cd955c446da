"""Published lists of classes of ImageNet, for `data.classes = "@NAME"`.

The classes are WordNet ids, which are the names of ImageNet's class folders. Papers give them as indices of the sorted
ids; the order of the labels is that of the papers' lists.
"""

from collections.abc import Sequence

from ddkit.errors import UsageError, nearest

SUBSETS = {
    # Cazenavette et al., Dataset Distillation by Matching Training Trajectories (CVPR 2022): `Config` of its utils.py
    "imagenette": """n01440764 n02102040 n02979186 n03000684 n03028079
        n03394916 n03417042 n03425413 n03445777 n03888257""",
    "imagewoof": """n02096294 n02093754 n02111889 n02088364 n02086240
        n02089973 n02087394 n02115641 n02099601 n02105641""",
    "imagefruit": """n07753275 n07753592 n07745940 n07747607 n07749582
        n07768694 n07753113 n07720875 n07718472 n07742313""",
    "imagemeow": """n02123045 n02123159 n02123394 n02123597 n02124075
        n02129165 n02129604 n02128925 n02128757 n02127052""",
    "imagesquawk": """n01806143 n02007558 n01818515 n02051845 n02056570
        n01614925 n01843383 n01518878 n01860187 n01819313""",
    "imageyellow": """n02206856 n12057211 n07753592 n07749582 n12144580
        n04146614 n03530642 n02129165 n01773157 n01531178""",
    # Cazenavette et al., Generalizing Dataset Distillation via Deep Generative Prior (GLaD, CVPR 2023): the same file
    "imagenet-a": """n02111129 n02489166 n11879895 n02457408 n03042490
        n12057211 n02342885 n03447447 n02071294 n02013706""",
    "imagenet-b": """n02006656 n06359193 n01820546 n02116738 n13044778
        n04487081 n01872401 n02112018 n03841143 n02025239""",
    "imagenet-c": """n03393912 n01833805 n03344393 n03208938 n01828970
        n02606052 n02129165 n02017213 n02280649 n01531178""",
    "imagenet-d": """n01518878 n02111889 n01534433 n02112706 n01592084
        n02389026 n02276258 n01622779 n01829413 n02277742""",
    "imagenet-e": """n04277352 n01843383 n01860187 n02056570 n03992509
        n03924679 n04153751 n01774750 n03857828 n02281787""",
}
"""Name -> its classes in the order of their labels, separated by white space."""


def with_named_subsets(classes: Sequence[str]) -> tuple[str, ...]:
    """Return names of classes, with the classes of a list in the place of each "@NAME".

    Example:
        >>> with_named_subsets(["@imagewoof"])[:2]
        ('n02096294', 'n02093754')

    Raises:
        UsageError: a list is unknown.
    """
    names: list[str] = []
    for name in classes:
        subset = name.removeprefix("@").lower()
        if not name.startswith("@"):
            names.append(name)
        elif subset in SUBSETS:
            names += SUBSETS[subset].split()
        else:
            raise UsageError(f"key 'data.classes': the list '{name}' is unknown; {nearest(subset, SUBSETS)}")
    return tuple(names)
