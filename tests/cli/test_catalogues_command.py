"""`ddkit methods`, `nets`, `data`, `experts`, `protocols`; and that help texts name what the tables hold."""

import click
import pytest

from ddkit.cli.catalogues import WIDTH
from ddkit.cli.main import ddkit, run
from ddkit.data.names import NAMED
from ddkit.evaluation import FLIP_POLICIES, LABEL_POLICIES
from ddkit.evaluation.honest import PARTS
from ddkit.evaluation.protocol_names import PROTOCOLS
from ddkit.graphs.names import GRAPHS
from ddkit.jobs.catalogues import CATALOGUES
from ddkit.methods.table import METHODS
from ddkit.synth import EXPORTERS

EVERY = [(catalogue, name) for catalogue in CATALOGUES for name in CATALOGUES[catalogue].lines()]


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_ls_names_all(catalogue: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = output(capsys, catalogue, "ls")
    assert all(f" {name} " in listed for name in CATALOGUES[catalogue].lines())


@pytest.mark.parametrize(("catalogue", "name"), EVERY)
def test_show_fits_a_terminal(catalogue: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(capsys, catalogue, "show", name).splitlines()
    assert shown and max(map(len, shown)) <= WIDTH


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(capsys, "methods", "show", "mtt")
    for part in (
        "MTT: Dataset Distillation by Matching Training Trajectories (Cazenavette et al.,\nCVPR 2022).",
        "\nsettings, as in --set method.ipc=1:\n",
        "\n  method.syn_momentum = 0.0   (a number of at least 0 and below 1)\n",
        "\n      the student's momentum (AST: 0.9)\n",
        "\nrecipes:\nmtt-cifar10-ipc1-cpu\n",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["methods", "show", "mttt"], "method 'mttt': is unknown; did you mean mtt"),
        (["condense", "--set", "method.lr_imgg=3"], "unknown key 'method.lr_imgg'; did you mean lr_img"),
        (["condense", "--set", "net.widht=3"], "unknown key 'net.widht'; did you mean width"),
        (["condense", "--set", "evaluate.step=3"], "unknown key 'evaluate.step'; did you mean steps"),
    ],
)
def test_a_slip_gets_the_nearest_name(
    arguments: list[str], says: str, home: object, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "option", "names"),
    [
        ("condense", "method", [*METHODS]),
        ("condense", "data", [*NAMED, *GRAPHS, "npz:FILE", "folder:DIR", "tu:DIR", "pt:FILE"]),
        ("evaluate", "protocols", list(PROTOCOLS)),
        ("compare", "flips", list(FLIP_POLICIES)),
        ("compare", "labels", list(LABEL_POLICIES)),
        ("compare", "on", list(PARTS)),
        ("export", "kind", [*EXPORTERS, "h5"]),
    ],
)
def test_help_names_what_the_table_holds(command: str, option: str, names: list[str]) -> None:
    with click.Context(ddkit) as context:
        found = ddkit.get_command(context, command)
    (text,) = (one.help for one in found.params if one.name == option)
    words = text.replace(",", " ").replace(";", " ").replace(":  ", " ").replace(". ", " ").replace("(", " ").split()
    assert {name for name in names if name not in {word.rstrip(":.") for word in words}} == set()
