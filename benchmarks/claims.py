"""ddkit's claims about a GPU, the most valuable first; `benchmarks/gpu.py` runs them. Add new claims here."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ledger import ROOT, Claim, Target

MODULES = tuple(f"ddkit/{file.name}" for file in sorted((ROOT / "ddkit").glob("*.py")))
"""The single modules of ddkit, which all packages use."""

BASE = ("ddkit/recipe", "ddkit/run", "ddkit/executors", "ddkit/ranks", "ddkit/nets", "ddkit/steps", *MODULES)
"""Files that every claim depends on. A test compares `touches` of each claim with all imports of its program."""

IDLE = (
    *("ddkit/graphs", "ddkit/gnns", "ddkit/cli/graphs.py", "ddkit/report/tree_gallery.py"),
    *("ddkit/publish", "ddkit/releases", "ddkit/loggers"),
)
"""Files that programs import and that no claim about images runs. No claim needs to list them."""

MEASURED = ("benchmarks/measure.py", "ddkit/jobs/machine/environment.py", "ddkit/jobs/machine/threads.py", *BASE)
UNROLLER = ("benchmarks/unroll.py", "ddkit/unroll", *MEASURED)
EXPERTS = ("benchmarks/experts.py", "ddkit/experts", "ddkit/data", *MEASURED)
JOBS = (
    *("ddkit/methods", "ddkit/evaluation", "ddkit/jobs", "ddkit/synth", "ddkit/unroll", "ddkit/experts", "ddkit/data"),
    *("ddkit/report", *BASE),
)
MATCHING = (
    *("benchmarks/matching.py", "ddkit/methods", "ddkit/unroll", "ddkit/experts", "ddkit/data", "ddkit/synth"),
    *MEASURED,
)
COMMANDS = ("ddkit/cli", *JOBS)
TESTS = ("tests/unroll", "tests/steps", "tests/experts", "tests/data", "tests/evaluation", "tests/ranks")
HELPERS = tuple(
    f"tests/{name}.py"
    for name in (
        "conftest",
        "block_functions",
        "captured_problems",
        "lent_kernels",
        "shared_folder",
        "step_cases",
        "together",
    )
)

Figures = Callable[[Path, Path], Mapping[str, float]]


def row_of(file: str, row: str, ours: str = "ours", textbook: str = "textbook") -> Figures:
    """A reader of the last line of a row in a benchmark's results: ddkit's seconds, peak memory and ratio."""

    def read(work: Path, _: Path) -> Mapping[str, float]:
        lines = [json.loads(text) for text in (work / "rows" / file).read_text().splitlines()]
        rows = [line["rows"] for line in lines if line["row"] == row][-1]
        mine = rows[ours]
        found = {name: mine[name] for name in ("seconds", "ratio", "peak MiB", "difference") if name in mine}
        others = [facts for name, facts in rows.items() if name.startswith(textbook)]
        if "peak MiB" in mine and others:
            found["memory ratio"] = others[0]["peak MiB"] / mine["peak MiB"] if mine["peak MiB"] else float("nan")
        return {name.replace("seconds", "s"): value for name, value in found.items()}

    return read


def accuracy(_: Path, run: Path) -> Mapping[str, float]:
    """Test accuracies in % and the set's interval, from the scores of a run."""
    rows = json.loads((run / "scores.json").read_text())["scores"]
    return {row["name"]: 100 * row["mean"] for row in rows} | {"interval": 100 * rows[0]["interval95"]}


def paper_accuracy(_: Path, run: Path) -> Mapping[str, float]:
    """The first row's accuracy in % under a paper's protocol."""
    (table,) = json.loads((run / "paper.json").read_text())
    return {"accuracy": 100 * table["scores"][0]["mean"]}


def gradient_row(row: str, seconds: float, *targets: Target) -> Claim:
    return Claim(
        name=f"unroll-{row}",
        proves="speed and peak memory of an outer gradient, compared with the textbook's",
        command=("benchmarks/unroll.py", row, "--repeats", "9", "--save", "{work}/rows"),
        rehearsal=("--rehearse", "--repeats", "1"),
        seconds=seconds,
        touches=UNROLLER,
        figures=row_of("unroll.jsonl", row),
        targets=targets,
    )


def block_row(row: str) -> Claim:
    return Claim(
        name=f"blocks-{row}",
        proves="speed of the fused blocks as Triton kernels, compared with formulas that torch.compile fuses",
        command=("benchmarks/blocks.py", row, "--save", "{work}/rows"),
        rehearsal=("--rehearse",),
        seconds=45,
        touches=("benchmarks/blocks.py", *MEASURED),
        figures=row_of("blocks.jsonl", row, ours="triton", textbook="formulas"),
        targets=(Target("ratio", at_least=1),),
    )


def expert_row(kind: str, *targets: Target) -> Claim:
    row = f"cifar10-cuda-{kind}"
    size = ("--experts", "20", "--epochs", "5", "--repeats", "1")
    return Claim(
        name=f"experts-{kind}",
        proves=f"speed of training 20 {kind} experts on 5,000 images of CIFAR-10, compared with a DataLoader loop",
        command=("benchmarks/experts.py", row, *size, "--save", "{work}/rows"),
        rehearsal=("--rehearse", "--experts", "2", "--epochs", "1"),
        seconds=90,
        touches=EXPERTS,
        needs=("{data}/cifar10.npz",),
        figures=row_of("experts.jsonl", row),
        targets=targets,
    )


def iteration(recipe: str, seconds: float, *targets: Target) -> Claim:
    return Claim(
        name=f"iteration-{recipe}",
        proves="seconds and peak memory of a whole outer iteration: batches, augmentation, gradient",
        command=(
            *("benchmarks/iteration.py", recipe, "--device", "cuda", "--set", "method.memory=1500"),
            *("--set", "method.precision=tf32", "--save", "{work}/rows"),
        ),
        rehearsal=(
            *("--device", "cpu", "--probe-seconds", "1", *TOY_NET),
            *("--set", "method.syn_steps=2", "--set", "method.ipc=2", "--set", "method.batch_syn=20"),
        ),
        seconds=seconds,
        touches=("benchmarks/iteration.py", "benchmarks/measure.py", *JOBS, f"recipes/{recipe}.toml"),
        needs=("{data}/cifar100.npz",),
        figures=row_of("iteration.jsonl", recipe),
        targets=targets,
    )


def condensation(
    recipe: str,
    data: str,
    seconds: float,
    *targets: Target,
    fyi: bool = False,
    home: str = "home",
    changes: Sequence[str] = (),
    toy: Sequence[str] = (),
) -> Claim:
    name = f"{recipe}+fyi" if fyi else recipe
    return Claim(
        name=name,
        proves="accuracy and seconds of the recipe, experts included, under protocol honest beside its rivals",
        command=(
            *("-m", "ddkit", "condense", "--recipe", recipe, "--device", "cuda", "--out", "{run}"),
            *("--set", "evaluate.whole=false", *(("--fyi",) if fyi else ()), *changes),
        ),
        resume=("--resume",),
        rehearsal=("--device", "cpu", *(TOY_RUN if not toy else toy)),
        seconds=seconds,
        touches=(*COMMANDS, f"recipes/{recipe}.toml"),
        needs=("{data}/" + f"{data}.npz",),
        home=home,
        figures=accuracy,
        targets=targets,
    )


def under_paper(recipe: str, protocol: str, seconds: float) -> Claim:
    evaluate = (
        "-m",
        "ddkit",
        "evaluate",
        "{runs}/" + recipe,
        "--no-baselines",
        "--no-whole",
        "--json",
        "{run}/paper.json",
    )
    return Claim(
        name=f"{recipe}-{protocol}",
        proves="accuracy of the same set under the authors' protocol, which selects on the test set",
        command=(*evaluate, "--protocol", protocol, "--device", "cuda"),
        instead=(*evaluate, "--device", "cpu", *TOY_SCORES),  # the authors' thousand epochs take minutes on a CPU
        seconds=seconds,
        touches=(*COMMANDS, f"recipes/{recipe}.toml"),
        needs=("{runs}/" + f"{recipe}/set.h5",),
        follows=recipe,
        figures=paper_accuracy,
    )


TOY_NET = ("--set", "net.width=4", "--set", "data.preprocess=normalise")
TOY_SCORES = ("--set", "evaluate.nets=2", "--set", "evaluate.steps=2", "--set", "evaluate.epochs=1")
TOY_LOOP = (*TOY_NET, *TOY_SCORES, "--set", "method.iterations=2")
TOY_RUN = (*TOY_LOOP, "--set", "experts.count=2", "--set", "method.syn_steps=2")
TOY_TEACHERS = (
    *("--set", "data.name=cifar10"),
    *("--set", "net.name=convnet", "--set", "net.depth=3", "--set", "net.norm=batch", "--set", "evaluate.batch=1000"),
    *("--set", "experts.nets=convnet(depth=3,width=4,norm=batch)", "--set", "experts.epochs=1"),
)

CLAIMS = (
    Claim(
        name="tests",
        proves="the tests marked gpu: gradients, captures, failed captures, precision, experts",
        command=("-m", "pytest", "-q", "-m", "gpu", "-o", "addopts=-ra", "-p", "no:cacheprovider", *TESTS),
        rehearsal=("--rehearse",),
        seconds=240,
        touches=(*TESTS, *HELPERS, *JOBS),
    ),
    Claim(
        name="main-job",
        proves="accuracy of the README's main job on the device",
        command=("-m", "ddkit", "condense", "--method", "ftd", "--device", "cuda", "--out", "{run}"),
        rehearsal=("--device", "cpu", *TOY_SCORES, "--set", "method.iterations=5", "--set", "experts.count=2"),
        resume=("--resume",),
        seconds=90,
        touches=(*COMMANDS, "recipes/ftd-digits-ipc1.toml"),
        figures=accuracy,
        targets=(Target("ftd", at_least=90),),
    ),
    gradient_row("cifar10-ipc1", 45, Target("ratio", at_least=15), Target("memory ratio", at_least=10)),
    gradient_row("cifar10-ipc1-6-students", 120, Target("ratio", at_least=15)),
    gradient_row("cifar10-ipc10", 60, Target("ratio", at_least=3)),
    gradient_row("cifar100-ipc10", 90, Target("ratio", at_least=2)),
    block_row("10"),
    block_row("1000"),
    block_row("1000-bf16"),
    expert_row("flat", Target("ratio", at_least=10)),
    condensation(
        *("ftd-cifar10-ipc1", "cifar10", 240, Target("ftd", at_least=46), Target("seconds", at_most=240)),
        home="home-ftd-cifar10-ipc1",  # experts are trained again, because the seconds include them
    ),
    under_paper("ftd-cifar10-ipc1", "paper-ftd", 120),
    iteration("mtt-cifar100-ipc10", 60, Target("s", at_most=0.3), Target("peak MiB", at_most=5722)),
    iteration("datm-cifar100-ipc50", 90, Target("s", at_most=1.5), Target("peak MiB", at_most=7629)),
    gradient_row("cifar100-ipc50", 60),
    gradient_row("cifar100-ipc10-bf16", 90),
    gradient_row("cifar100-ipc50-bf16", 60),
    expert_row("plain"),
    expert_row("smooth"),
    Claim(
        name="matching",
        proves="speed of a step of DC, DSA and DM on CIFAR-10 at ten images a class, with FYI and without",
        command=(
            *("benchmarks/matching.py", "dc", "dsa", "dm", "--ipc", "10", "--data", "cifar10", "--device", "cuda"),
            *("--net", "convnet(depth=3, width=128)", "--save", "{work}/rows"),
        ),
        rehearsal=(
            "--device",
            "cpu",
            "--net",
            "convnet(depth=3, width=4)",
            "--batch",
            "4",
            "--ipc",
            "1",
            "--repeats",
            "1",
        ),
        seconds=90,
        touches=MATCHING,
        needs=("{data}/cifar10.npz",),
    ),
    condensation("ftd-cifar10-ipc10", "cifar10", 600),
    condensation("datm-cifar10-ipc10", "cifar10", 900),
    condensation("dm-cifar10-ipc10", "cifar10", 600, toy=TOY_LOOP),
    condensation(
        *("dsa-cifar10-ipc10", "cifar10", 1200),
        toy=(*TOY_LOOP, "--set", "method.batch_real=4", "--set", "method.outer_loop=1", "--set", "method.inner_loop=1"),
    ),
    condensation("mtt-cifar10-ipc1", "cifar10", 300),
    condensation("mtt-cifar10-ipc1", "cifar10", 300, fyi=True),
    condensation(
        *("infer-cifar100-ipc10", "cifar100", 1200),
        changes=("--set", "experts.epochs=20"),  # instead of 200, which take longer than a rented hour
        toy=(*TOY_LOOP, *TOY_TEACHERS),
    ),
)
