"""The budget against the numbers that follow from the released code, and against what any budget must hold."""

import pytest

from ddkit.methods.budget import budget

RELEASED = [  # classes, teachers, ipc, n, compensators, instances a class, stored images
    (10, 4, 10, 7, 28, 35, 98),
    (10, 4, 50, 35, 140, 175, 490),
    (100, 4, 10, 9, 36, 45, 936),
    (100, 4, 50, 48, 192, 240, 4992),
    (100, 4, 100, 96, 384, 480, 9984),
    (200, 4, 10, 9, 36, 45, 1836),
    (200, 4, 50, 49, 196, 245, 9996),
    (1000, 3, 10, 9, 27, 36, 9027),
    (1000, 3, 50, 49, 147, 196, 49147),
]


@pytest.mark.parametrize("classes, teachers, ipc, n, compensators, instances, stored", RELEASED)
def test_the_released_settings(
    classes: int, teachers: int, ipc: int, n: int, compensators: int, instances: int, stored: int
) -> None:
    found = budget(ipc, classes, teachers)
    assert (found.n, found.n * found.teachers, found.instances) == (n, compensators, instances)
    assert found.n * (classes + found.teachers) == stored <= ipc * classes
    assert n == int(ipc / (teachers / classes + 1))  # as the authors write it


@pytest.mark.parametrize("classes", [1, 2, 3, 7, 10, 100])
@pytest.mark.parametrize("teachers", [1, 2, 4, 9, 30])
def test_any_budget_is_kept_and_used_up(classes: int, teachers: int) -> None:
    for ipc in range(1, 60):
        found = budget(ipc, classes, teachers)
        assert found.n >= 1 and 0 <= found.teachers <= teachers
        left = ipc * classes - found.n * (classes + found.teachers)
        assert left >= 0
        if found.teachers == teachers:
            assert left < classes + teachers  # too little for one more real image a class with compensators
        else:  # one real image a class, and not one compensator more can be paid for
            assert found.n == 1 and left == 0


def test_one_image_a_class_is_a_real_one() -> None:
    found = budget(1, 10, 4)
    assert (found.n, found.teachers, found.instances) == (1, 0, 1)


def test_few_classes_pay_for_as_many_teachers_as_they_can() -> None:
    assert budget(2, 2, 3) == budget(2, 2, 2)  # 4 images: 2 real, 2 compensators
    assert (budget(2, 2, 3).n, budget(2, 2, 3).teachers) == (1, 2)
