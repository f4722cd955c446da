"""The house against its plan: what ARCHITECTURE.md and the house rules say of the source, checked on its syntax."""

import ast
import configparser
import graphlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "ddkit"
PLAN = (ROOT / "ARCHITECTURE.md").read_text()


class Parsed(Mapping[Path, ast.Module]):
    """The syntax trees of files. A file is parsed on first use, so that a worker without these tests parses none."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self._tree = cache(lambda file: ast.parse(file.read_text()))

    def __getitem__(self, file: Path) -> ast.Module:
        return self._tree(file)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


MODULES = Parsed(sorted(HOUSE.rglob("*.py")))


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All nodes of a tree. Walking a tree takes several times as long as any of the tests that read its nodes."""
    return tuple(ast.walk(tree))


def name_of(file: Path) -> str:
    """ddkit/data/npz.py -> ddkit.data.npz; ddkit/data/__init__.py -> ddkit.data"""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def unit_of(module: str) -> str:
    """The package, or the single module, of the house that a module belongs to; "" for the front doors."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else ""


def imports(tree: ast.Module) -> set[str]:
    """The modules of ddkit that are imported anywhere in a file, inside functions too."""
    found = set()
    for node in nodes(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module for module in found if module.split(".")[0] == "ddkit"}


def imports_on_use(tree: ast.Module) -> set[str]:
    """Modules named in texts such as "ddkit.methods.ftd:FTD", which are imported later."""
    texts = (node.value for node in nodes(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text.partition(":")[0] for text in texts if re.fullmatch(r"ddkit(\.\w+)+(:\w+)?", text)}


def storeys() -> list[list[str]]:
    """The order of imports in ARCHITECTURE.md, from the roof down."""
    (line,) = re.findall(r"^ *(cli -> .+)$", PLAN, re.MULTILINE)
    return [[unit.strip() for unit in storey.split(",")] for storey in line.split("->")]


def test_the_plan_names_every_part_of_the_house_once() -> None:
    planned = [unit for storey in storeys() for unit in storey]
    assert sorted(planned) == sorted({unit_of(name_of(file)) for file in MODULES} - {""})


def test_imports_go_downwards_only() -> None:
    """Strictly, so that there is no circle between packages and none between neighbours on one storey."""
    height = {unit: -i for i, storey in enumerate(storeys()) for unit in storey} | {"": 1}
    edges = {
        (name_of(file), module) for file, tree in MODULES.items() for module in imports(tree) | imports_on_use(tree)
    }
    assert len(edges) > 100
    upward = {
        f"{importer} imports {module}"
        for importer, module in edges
        if unit_of(importer) != unit_of(module) and height[unit_of(module)] >= height[unit_of(importer)]
    }
    assert not upward


def test_the_rooms_of_jobs_are_in_order_too() -> None:
    """Rooms are the folders of jobs/; its own files are the doors. A room imports rooms below it only."""
    (line,) = re.findall(r"^ *(doors -> .+)$", PLAN, re.MULTILINE)
    height = {room.strip(): -i for i, storey in enumerate(line.split("->")) for room in storey.split(",")}
    rooms = {folder.name for folder in (HOUSE / "jobs").iterdir() if (folder / "__init__.py").exists()}
    assert set(height) == rooms | {"doors"}

    def room_of(module: str) -> str:
        parts = module.split(".")
        return parts[2] if len(parts) > 2 and parts[2] in rooms else "doors"

    upward = {
        f"{name_of(file)} imports {module}"
        for file, tree in MODULES.items()
        for module in imports(tree)
        if unit_of(name_of(file)) == unit_of(module) == "jobs" and file.parent != HOUSE / "jobs"
        if room_of(name_of(file)) != room_of(module) and height[room_of(module)] >= height[room_of(name_of(file))]
    }
    assert not upward


def test_run_knows_no_package_above_it() -> None:
    needed = {unit_of(m) for file, tree in MODULES.items() if unit_of(name_of(file)) == "run" for m in imports(tree)}
    assert needed <= {"run", "errors", "lazy", "torch_file"}


def test_no_circle_between_modules() -> None:
    graph = {name_of(file): imports(tree) for file, tree in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_every_import_has_its_module() -> None:
    known = {name_of(file) for file in MODULES}
    assert {module for tree in MODULES.values() for module in imports(tree) | imports_on_use(tree)} <= known


def test_setup_cfg_names_exactly_the_package_folders() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folders = dict(re.findall(r"(\S+) = (\S+)", config["options"]["package_dir"]))
    beside = {package for package in folders if package != "ddkit"}  # recipes and sets lie beside ddkit/
    assert all((ROOT / folders[package]).is_dir() for package in beside)
    packages = config["options"]["packages"].split()
    assert packages == sorted({name_of(file.parent / "__init__.py") for file in MODULES} | beside)
    assert all((file.parent / "__init__.py").exists() for file in MODULES)


def test_a_wheel_holds_every_file_of_the_packages_and_the_mark_of_types() -> None:
    """What is no Python module reaches a wheel only if `package_data` names it; py.typed gives users the types."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folders = dict(re.findall(r"(\S+) = (\S+)", config["options"]["package_dir"]))
    named, missing = config["options.package_data"], []
    for package in config["options"]["packages"].split():
        patterns = named.get(package, "").split(", ")
        root = ROOT / folders.get(package, package.replace(".", "/"))
        for file in root.rglob("*"):
            inner = [folder for folder in file.parents if folder != root and folder.is_relative_to(root)]
            if any((folder / "__init__.py").exists() for folder in inner):
                continue  # belongs to another package
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                name = file.relative_to(root).as_posix()
                missing += [] if any(fnmatch(name, pattern) for pattern in patterns) else [file]
    assert missing == []
    assert (HOUSE / "py.typed").is_file() and "py.typed" in named["ddkit"]


@pytest.mark.parametrize(("page", "least"), [("docs/known-bugs.md", 30), ("docs/doors.md", 20)])
def test_every_test_that_a_page_names_exists(page: str, least: int) -> None:
    named = re.findall(r"(tests/[\w/]+\.py|[\w/]*test_\w+\.py)::(\w+)", (ROOT / page).read_text())
    assert len(named) >= least
    for file, test in named:
        path = ROOT / "tests" / file.removeprefix("tests/")
        assert path.exists(), file
        defined = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert test in defined, f"{file}::{test}"


# House rules


@pytest.mark.parametrize("file", [f for f in MODULES if f.name == "__init__.py"], ids=name_of)
def test_a_package_introduces_itself_in_ten_lines(file: Path) -> None:
    tree = MODULES[file]
    assert 1 <= len((ast.get_docstring(tree) or "").splitlines()) <= 10
    _, helper, block, exported = tree.body
    assert isinstance(exported, ast.Assign) and ast.unparse(exported.targets[0]) == "__all__"
    assert ast.unparse(helper) == "from ddkit.lazy import lazily"
    assert isinstance(block, ast.With) and ast.unparse(block.items[0]) == "lazily(__name__)"
    names = [alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(names) == sorted(ast.literal_eval(exported.value))


DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"}
DRAWS_LIKE = {"rand_like", "randn_like", "randint_like"}
DRAWS_IN_PLACE = {
    "uniform_",
    "normal_",
    "random_",
    "bernoulli_",
    "exponential_",
    "cauchy_",
    "geometric_",
    "log_normal_",
}
SEEDS = {"manual_seed", "seed", "set_rng_state", "fork_rng", "cuda.manual_seed", "cuda.manual_seed_all"}
OWN_STATE = {"RandomState", "default_rng", "Generator", "SeedSequence"}


@cache
def full_names(tree: ast.Module) -> dict[str, str]:
    """What the names of a file stand for: np -> numpy, randn -> torch.randn."""
    found = {}
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            found |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return found


@cache
def calls(tree: ast.Module) -> list[tuple[str, ast.Call]]:
    """Every call, under its full name where it has one: ("torch.randn", ...); else (".uniform_", ...)."""
    names, found = full_names(tree), []
    for node in nodes(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            root, _, rest = called.partition(".")
            if root in names:
                found.append((f"{names[root]}.{rest}" if rest else names[root], node))
            elif isinstance(node.func, ast.Attribute):
                found.append((f".{node.func.attr}", node))
    return found


def uses_of_global_randomness(tree: ast.Module) -> list[str]:
    found = []
    for name, call in calls(tree):
        keywords = {keyword.arg for keyword in call.keywords}
        last = name.rpartition(".")[2]
        torch_name = name.removeprefix("torch.").removeprefix("random.") if name.startswith("torch.") else ""
        if (
            torch_name in SEEDS
            or (torch_name in DRAWS and "generator" not in keywords)
            or torch_name in DRAWS_LIKE
            or (name.startswith("torch.nn.init.") and "generator" not in keywords)
            or (last in DRAWS_IN_PLACE and "generator" not in keywords)
            or (name.startswith("numpy.random.") and not (last in OWN_STATE and (call.args or keywords)))
            or name.startswith("random.")
            or (last in ("train_test_split", "KMeans") and "random_state" not in keywords)
        ):
            found.append(ast.unparse(call))
    return found


def opens_pickles(tree: ast.Module) -> list[str]:
    """Calls that would run what a foreign pickle says."""
    found = []
    for name, call in calls(tree):
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if (
            (name == "torch.load" and keywords.get("weights_only") != "True")
            or (name == "numpy.load" and keywords.get("allow_pickle", "False") != "False")
            or name in ("pickle.load", "pickle.loads", "pickle.Unpickler")
        ):
            found.append(ast.unparse(call))
    return found


def in_modules(find: Callable[[ast.Module], list[str]]) -> dict[str, list[str]]:
    """Module -> what `find` finds there, sorted, for modules where it finds anything.

    A test reads all modules and names every offender. A test for each module was a third of all tests of ddkit, and
    pytest takes longer to start one than to read a module.
    """
    return {name_of(file): sorted(found) for file, tree in MODULES.items() if (found := find(tree))}


LENT = [
    "np.random.get_state()",
    "torch.set_rng_state(before[0])",
    "random.getstate()",
    "np.random.seed(seed)",
    "random.seed(seed)",
    "np.random.set_state(before[1])",
    "random.setstate(before[2])",
]
"""`global_draws_from` lends the global generators to foreign code, and puts their state back."""


def test_no_module_uses_the_global_random_state() -> None:
    assert in_modules(uses_of_global_randomness) == {"ddkit.randomness": sorted(LENT)}


def test_no_module_opens_pickles() -> None:
    """One does: it reads messages of ddkit's own processes, and no file of a user."""
    assert in_modules(opens_pickles) == {"ddkit.executors.messages": ["pickle.loads(message)"]}


@pytest.mark.parametrize(
    "line",
    [
        "import torch; torch.manual_seed(0)",
        "import torch; torch.random.manual_seed(0)",
        "import torch; torch.cuda.manual_seed_all(0)",
        "import torch; torch.randn(3)",
        "import torch as t; t.randperm(3)",
        "from torch import randint; randint(3, ())",
        "import torch; torch.rand_like(x)",
        "from torch import nn; nn.init.normal_(x)",
        "x.uniform_(0, 1)",
        "import numpy as np; np.random.seed(0)",
        "import numpy as np; np.random.RandomState()",
        "from numpy.random import rand; rand(3)",
        "import random; random.seed(0)",
        "from random import shuffle; shuffle(x)",
        "from sklearn.cluster import KMeans; KMeans(3)",
        "def f():\n    import torch\n    return torch.rand(3)",
    ],
)
def test_global_randomness_would_be_seen(line: str) -> None:
    assert len(uses_of_global_randomness(ast.parse(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "import torch; torch.Generator().manual_seed(0)",
        "import torch; torch.randn(3, generator=g)",
        "x.uniform_(0, 1, generator=g)",
        "import numpy as np; np.random.RandomState(seed)",
        "import torch; torch.load(f, weights_only=True)",
        "import numpy as np; np.load(f, allow_pickle=False)",
    ],
)
def test_explicit_streams_and_plain_files_are_fine(line: str) -> None:
    tree = ast.parse(line)
    assert uses_of_global_randomness(tree) == [] and opens_pickles(tree) == []


@pytest.mark.parametrize(
    "line",
    [
        "import torch; torch.load(f)",
        "import torch; torch.load(f, weights_only=False)",
        "import numpy as np; np.load(f, allow_pickle=True)",
        "import pickle; pickle.load(f)",
    ],
)
def test_an_open_pickle_would_be_seen(line: str) -> None:
    assert len(opens_pickles(ast.parse(line))) == 1


def test_no_file_names_a_folder_of_one_machine() -> None:
    folder = re.compile(r"(?<![\w.$}])/(home|Users|root|nfs|mnt|scratch|work|tmp)/\w")
    assert folder.search('open("/nfs/data/cifar")') and not folder.search("https://host/home/page, tests/run/x")
    files = [*MODULES, *(ROOT / "recipes").glob("*.toml"), *(ROOT / "benchmarks").rglob("*.py")]
    assert [str(file) for file in files if folder.search(file.read_text())] == []


def test_every_setting_is_read() -> None:
    """An option that is declared and whose name no code reads is dead; published code of this field has several."""
    declared = {
        node.target.id
        for tree in MODULES.values()
        for node in nodes(tree)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "setting"
    }
    read = {node.attr for tree in MODULES.values() for node in nodes(tree) if isinstance(node, ast.Attribute)}
    assert {"ema_decay", "syn_steps", "rho"} <= declared
    assert declared <= read


# Sizes

LONGEST_FILE = 250
"""Lines of a module. A longer one holds more than one concept."""


def test_no_module_is_longer_than_250_lines() -> None:
    lines = {name_of(file): len(file.read_text().splitlines()) for file in MODULES}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


# Signatures

LONGEST = 7
"""Arguments that a function may take by position. Options by keyword do not count."""

KERNELS = {
    ("ddkit.steps.blocks", "backward_tangent"),
    *(("ddkit.steps.formulas", name) for name in ("forward_tangent", "backward_tangent")),
    *(("ddkit.steps.triton_kernels", name) for name in ("forward", "backward", "forward_tangent", "backward_tangent")),
}
"""Functions that may take more: they mirror a function in C argument by argument, in its order."""


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def by_position(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments can be given by position, but for self and cls."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"], ["ctx"]))


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether click calls it, by keyword."""
    return any(ast.unparse(decorator).startswith("click.") for decorator in function.decorator_list)


def hidden_positions(tree: ast.Module) -> list[str]:
    """Calls f(*(a, b), ...), which get around a long signature. `nn.Sequential` takes any number of layers."""
    return [
        ast.unparse(call)
        for call in nodes(tree)
        if isinstance(call, ast.Call)
        for argument in call.args
        if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple | ast.List)
        if ast.unparse(call.func) != "nn.Sequential"
    ]


@cache
def own_names() -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """The functions and classes of all modules."""
    nodes = (node for tree in MODULES.values() for node in tree.body)
    return {node.name: node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def own_function(name: str, tree: ast.Module) -> ast.FunctionDef | ast.ClassDef | None:
    """The function, class or method ("Class.method") of ddkit that a name in a file stands for."""
    first, _, method = name.partition(".")
    local = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imported = own_names().get(first) if full_names(tree).get(first, "").startswith("ddkit.") else None
    found = local.get(first, imported)
    if isinstance(found, ast.ClassDef) and method:
        return next((node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == method), None)
    return None if method else found


def mixed_positions(tree: ast.Module) -> list[str]:
    """Calls f(a, *b) of functions and classes of ddkit: a reader cannot see which parameter gets which value.

    f(*b) is allowed, and so are functions that take any number of arguments.
    """
    found = []
    for call in nodes(tree):
        if not isinstance(call, ast.Call) or len(call.args) < 2:
            continue
        if not any(isinstance(argument, ast.Starred) for argument in call.args):
            continue
        called = own_function(ast.unparse(call.func), tree)
        foreign = isinstance(called, ast.ClassDef) and any("ctypes" in ast.unparse(base) for base in called.bases)
        variadic = isinstance(called, ast.FunctionDef) and called.args.vararg is not None
        if called is not None and not foreign and not variadic:
            found.append(ast.unparse(call))
    return found


def test_no_call_mixes_an_unpacked_tuple_with_other_positions() -> None:
    assert in_modules(mixed_positions) == {}


def test_no_function_takes_more_than_seven_arguments_by_position() -> None:
    long = {
        (name_of(file), function.name): by_position(function)
        for file, tree in MODULES.items()
        for function in functions(tree)
        if by_position(function) > LONGEST and not is_command(function)
    }
    assert long.keys() <= KERNELS


def test_no_call_unpacks_a_tuple_that_it_writes_out() -> None:
    assert in_modules(hidden_positions) == {}


def test_a_long_signature_and_a_hidden_one_would_be_seen() -> None:
    tree = ast.parse("def f(self, a, b, c, /, d, e, g, h, i, *, j, k): ...\nf(*(a, b), c)\nf(*(a + b))\nf(*a)")
    assert by_position(functions(tree)[0]) == 8
    assert hidden_positions(tree) == ["f(*(a, b), c)"]


def test_a_mixed_call_would_be_seen() -> None:
    head = "from ddkit.evaluation import Labels, Table\nfrom ddkit.randomness import stream\n"
    wrong = ["Labels(a, *b)", "Labels(*b, a)", "Table.of_set(*a, b)", "f(a, *b)"]
    fine = ["Labels(*b)", "stream(seed, *path)", "Labels(a, b)", "print(a, *b)", "x.repeat(a, *b)"]
    tree = ast.parse(head + "def f(a, b, c): ...\n" + "\n".join([*wrong, *fine]))
    assert mixed_positions(tree) == wrong


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports files outside of packages by their name alone, and refuses the second of one name."""
    tests = Path(__file__).parent
    files = [file for file in tests.rglob("*.py") if not (file.parent / "__init__.py").exists()]
    names = Counter(file.name for file in files if file.name != "conftest.py")
    assert [name for name, count in names.items() if count > 1] == []
