"""The policy of flips in the training of a table's networks, which is the same for all rows.

A set made with FYI holds one orientation of each object, and networks trained on it need flips. Flips also help sets
made without FYI. So a method with FYI and the same method without it are comparable only under equal flips: if one row
of a table expects flips, all rows have them.
"""

from ddkit.data import DSA


def resolved_flips(policy: str, expected: bool) -> str:
    """The policy with "auto" replaced by "always" if flips are `expected`, else by "augment"."""
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
