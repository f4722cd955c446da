"""One bench over all methods: what the contract promises. That they learn: test_methods_learn.py."""

import dataclasses

import pytest
import torch

from ddkit.methods import IterativeMethod, Method, method_class
from ddkit.methods.budget import budget
from ddkit.methods.table import IMAGE_METHODS
from ddkit.run import RunFolder, SilentMeter, drive, read_checkpoint, write_checkpoint
from ddkit.synth import read_set, write_set

TINY = {"iterations": 6, "syn_steps": 2, "expert_epochs": 2, "max_start_epoch": 2, "batch_syn": 2, "teacher_epoch": 3}
TINY |= {"outer_loop": 2, "inner_loop": 2, "batch_real": 4, "mipc": 5, "num_crop": 2}

every_method = pytest.mark.parametrize("name", IMAGE_METHODS)
iterative = pytest.mark.parametrize("name", [name for name in IMAGE_METHODS if hasattr(method_class(name), "init")])


@pytest.fixture
def make(make_context):
    """make(method name, seed=0, contexts=None, **settings) with settings as small as the method knows."""

    def build(name: str, seed: int = 0, contexts=None, **settings) -> Method:
        cls = method_class(name)
        known = {field.name for field in dataclasses.fields(cls.settings_class)}
        tiny = {key: value for key, value in TINY.items() if key in known}
        if name == "infer":
            tiny["ipc"] = 2  # at ipc 1 it has nothing to learn: test_infer.py
        chosen = cls.settings_class(**(tiny | settings))
        return cls(chosen, (contexts or make_context)(chosen.expert_kind, seed))

    return build


def make_set(method: Method, steps: int | None = None):
    """The method's set: distilled at once, or after so many steps, by default all of them."""
    if not isinstance(method, IterativeMethod):
        return method.distil()
    return method.finish(advance(method, method.init(), method.iterations if steps is None else steps))


def advance(method: IterativeMethod, state, steps: int):
    for _ in range(steps):
        state, _ = method.step(state)
    return state


def tensors(state) -> dict[str, torch.Tensor]:
    """All tensors and numbers of a state, by path; anything else in a state is a defect."""
    found: dict[str, torch.Tensor] = {}
    for field in dataclasses.fields(state):
        value = getattr(state, field.name)
        if dataclasses.is_dataclass(value):
            found |= {f"{field.name}.{name}": inner for name, inner in tensors(value).items()}
        else:
            assert isinstance(value, torch.Tensor | int | float), f"state holds a {type(value).__name__}"
            found[field.name] = torch.as_tensor(value)
    return found


def same(one, two) -> bool:
    one, two = tensors(one), tensors(two)
    return list(one) == list(two) and all(torch.equal(one[name], two[name]) for name in one)


@iterative
def test_three_steps_stay_finite(name, make):
    method = make(name)
    state = method.init()
    for _ in range(3):
        state, metrics = method.step(state)
        assert all(torch.as_tensor(value).isfinite().all() for value in metrics.values())
    assert all(value.isfinite().all() for value in tensors(state).values())
    assert method.finish(state).images.isfinite().all()


@iterative
def test_one_seed_one_state(name, make):
    one, two = (advance(method, method.init(), 3) for method in (make(name), make(name)))
    assert same(one, two)


@every_method
def test_another_seed_differs(name, make):
    methods = [make(name, seed=seed, ipc=3) for seed in (0, 1)]  # at ipc 1 k-means has nothing to draw either
    one, two = (make_set(method, 3).images for method in methods)
    if name == "herding":  # the one method without a draw
        assert torch.equal(one, two)
    else:
        assert not torch.equal(one, two)


@iterative
def test_a_step_changes_nothing_in_place(name, make):
    method = make(name)
    state = method.init()
    before = {path: value.clone() for path, value in tensors(state).items()}
    method.step(state)
    after = tensors(state)
    assert all(torch.equal(before[path], after[path]) for path in before)


@every_method
def test_the_global_generator_is_neither_used_nor_moved(name, make):
    sets = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            before = torch.get_rng_state()
            sets.append(make_set(make(name), 2))
            assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(sets[0].images, sets[1].images)


@iterative
def test_a_state_survives_a_checkpoint(name, make, tmp_path):
    method = make(name)
    state = advance(method, method.init(), 2)
    write_checkpoint(tmp_path / "checkpoint.pt", 2, state)
    iteration, read = read_checkpoint(tmp_path / "checkpoint.pt", method.state_class)
    assert iteration == 2 and type(read) is type(state) and same(read, state)
    assert same(advance(method, read, 2), advance(method, state, 2))


@iterative
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(name, make, tmp_path):
    whole, broken = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "broken")
    expected = drive(make(name), whole, SilentMeter(), checkpoint_every=2)

    method, taken = make(name), []
    cut = min(3, method.iterations - 1)
    step = method.step

    def killed(state):
        if len(taken) == cut:
            raise KeyboardInterrupt
        taken.append(None)
        return step(state)

    method.step = killed
    with pytest.raises(KeyboardInterrupt):
        drive(method, broken, SilentMeter(), checkpoint_every=2)
    state = drive(make(name), broken, SilentMeter(), resume=True, checkpoint_every=2)
    assert same(state, expected)
    assert broken.metrics.read_bytes() == whole.metrics.read_bytes()


@every_method
@pytest.mark.parametrize("ipc", [1, 2, 3])
def test_the_set(name, ipc, make, real, tmp_path):
    synthetic = make_set(make(name, ipc=ipc))
    instances = budget(ipc, 3, 2).instances if name == "infer" else ipc
    assert synthetic.labels.tolist() == [label for label in range(3) for _ in range(instances)]
    assert synthetic.images.shape == (3 * instances, 1, 8, 8) and synthetic.images.dtype == torch.float32
    assert not synthetic.images.requires_grad
    facts = synthetic.facts
    assert (facts.method, facts.ipc, facts.dataset, facts.classes) == (name, ipc, "tiny", ("a", "b", "c"))
    assert (facts.data_digest, facts.preprocess_digest) == (real.data.digest, real.preprocess.digest)
    write_set(synthetic, tmp_path / "set.h5")
    read = read_set(tmp_path / "set.h5")
    assert torch.equal(read.images, synthetic.images) and torch.equal(read.labels, synthetic.labels)
    assert read.facts == facts
    assert (read.soft_labels is None) == (synthetic.soft_labels is None)
    assert read.soft_labels is None or torch.equal(read.soft_labels, synthetic.soft_labels)


@pytest.mark.parametrize("name", ["random", "herding", "kmeans"])
def test_coresets_are_real_images_of_their_class_and_none_twice(name, make, real):
    synthetic = make(name, ipc=3).distil()
    rows = [(real.train.images == image).flatten(1).all(1).nonzero().flatten().tolist() for image in synthetic.images]
    assert all(len(row) == 1 for row in rows)
    assert len({row[0] for row in rows}) == 9
    assert [int(real.train.labels[row[0]]) for row in rows] == synthetic.labels.tolist()


@pytest.fixture(scope="module")
def contexts_on_gpu(contexts_of, real, gpu):
    return contexts_of(real.to(gpu))


@pytest.mark.gpu
@iterative
def test_a_step_does_not_wait_for_the_device(name, make, contexts_on_gpu, gpu):
    """PyTorch raises an error at whatever waits. The first steps compile, measure and capture."""
    method = make(name, contexts=contexts_on_gpu)
    state = advance(method, method.init(), 2)
    if gpu.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        advance(method, state, 2)
    finally:
        if gpu.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
