"""What INFER may store, as its authors count: a compensator costs what one real image costs.

    n real images a class and n compensators a teacher:   n classes + n teachers <= ipc classes

Their rule, n = int(ipc / (teachers / classes + 1)), is the largest such n, and 0 where there are few images a class.
Then one real image of each class is kept, and of the teachers as many as the rest pays for: none at ipc 1, where the
set is one real image a class with the teachers' labels.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """n real images a class, and compensators of the first `teachers` teachers."""

    n: int
    teachers: int

    @property
    def instances(self) -> int:
        """Images a class once expanded."""
        return self.n * (self.teachers + 1)


def budget(ipc: int, classes: int, teachers: int) -> Budget:
    """What `ipc` images for each of `classes` buy with `teachers` teachers."""
    n = ipc * classes // (classes + teachers)
    if n == 0:
        n, teachers = 1, (ipc - 1) * classes
    return Budget(n, teachers)
