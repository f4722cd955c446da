"""Numbers of real images and compensators that fit an ipc budget (INFER).

A compensator costs as much as one real image, as in the paper. A set of n real images for each class and n compensators
for each teacher fits if

    n classes + n teachers <= ipc classes

The authors' rule, n = int(ipc / (teachers / classes + 1)), gives the largest such n. It gives 0 where ipc is small.
There, the set has one real image of each class, and one compensator for each of as many teachers as the remaining
budget allows. At ipc 1 these are none: the set is one real image of each class with the teachers' labels.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """n real images of each class, and n compensators of each of the first `teachers` teachers."""

    n: int
    teachers: int

    @property
    def instances(self) -> int:
        """Images of each class after expansion."""
        return self.n * (self.teachers + 1)


def budget(ipc: int, classes: int, teachers: int) -> Budget:
    """Return the numbers that fit `ipc` images for each of `classes` classes, for `teachers` teachers."""
    n = ipc * classes // (classes + teachers)
    if n == 0:
        n, teachers = 1, (ipc - 1) * classes
    return Budget(n, teachers)
