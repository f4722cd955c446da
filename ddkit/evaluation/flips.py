"""How images are mirrored when networks are trained on a set and its rivals: one policy for a whole table.

A set made with FYI holds one orientation of what it shows, and is worth little without flips; flips also help sets that
were made without. Hence a host and the same host with FYI are only comparable under the same policy, and where one row
of a table expects flips, all rows get them.
"""

from ddkit.data import DSA


def resolved_flips(policy: str, expected: bool) -> str:
    """What a policy amounts to, "augment" or "always", where flips are `expected` or not."""
    return "always" if policy == "always" or (policy == "auto" and expected) else "augment"


def evaluation_dsa(policy: str, dsa: DSA, expected: bool) -> DSA:
    """The augmentation of a table's networks.

    Args:
        policy: "augment": `dsa` as it is. "always": each image is mirrored with probability 1/2 at each step, and the
            rest of `dsa` follows. "auto": "always" if flips are `expected`.
        dsa: the recipe's augmentation.
        expected: whether a set of the table expects to be mirrored with probability 1/2.
    """
    if resolved_flips(policy, expected) == "augment" or dsa.flip_share == 0.5:
        return dsa
    return DSA("+".join(filter(None, ("flip", dsa.without_flip()))))
