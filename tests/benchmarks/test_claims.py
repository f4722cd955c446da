"""The claims about a GPU: what each one touches, and the page that lists them."""

import json
import sys
from pathlib import Path

import pytest
from reach import reached

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from claims import CLAIMS, IDLE  # noqa: E402
from gpu import PUBLISHED  # noqa: E402
from ledger import Claim, Target  # noqa: E402
from ledger_page import page  # noqa: E402


def programs(claim):
    """The files that a claim's command runs."""
    first, *rest = claim.command
    if first.endswith(".py"):
        return [ROOT / first]
    if rest[0] == "ddkit":
        return [ROOT / "ddkit" / "__main__.py", ROOT / "ddkit" / "cli" / f"{rest[1]}.py"]
    folders = [ROOT / text for text in rest if text.startswith("tests/")]
    tests = [file for folder in folders for file in folder.glob("*.py") if "pytest.mark.gpu" in file.read_text()]
    return [ROOT / "tests" / "conftest.py", *tests]


def within(file, folders):
    return any(file == folder or file.startswith(f"{folder}/") for folder in folders)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_touches_all_that_its_program_imports(claim):
    """Else it would count as proven although what it runs has changed."""
    needed = reached(programs(claim))
    assert len(needed) > 20
    assert not {file for file in needed if not within(file, (*claim.touches, *IDLE))}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_touches_its_recipe_and_that_of_the_run_it_reads(claim):
    named = [*claim.command, claim.follows]
    recipes = {f"recipes/{text}.toml" for text in named if text and (ROOT / "recipes" / f"{text}.toml").exists()}
    assert recipes <= set(claim.touches)
    assert bool(recipes) == ("--recipe" in named or bool(claim.follows) or claim.name.startswith("iteration"))


def test_published_gigabytes_are_held_in_mebibytes():
    bounds = {claim.name: target.at_most for claim in CLAIMS for target in claim.targets if "MiB" in target.figure}
    wanted = {"iteration-mtt-cifar100-ipc10": 6e9, "iteration-datm-cifar100-ipc50": 8e9}
    assert bounds == {name: wanted[name] // 2**20 for name in wanted}


def test_the_page_lists_every_claim_with_what_was_measured(tmp_path):
    assert (ROOT / "docs" / "gpu.md").read_text() == page(CLAIMS, PUBLISHED), (
        "python benchmarks/gpu.py --list > docs/gpu.md"
    )
    results = tmp_path / "gpu.jsonl"
    line = {"claim": "a", "status": "ok", "figures": {"ratio": 16.25}, "environment": {"device": "H"}, "commit": "c"}
    results.write_text("".join(json.dumps(line | {"rehearsal": toy}) + "\n" for toy in (False, True)))
    claims = [Claim(name, "it", ("x",), 5, (), (Target("ratio", at_least=15),)) for name in "ab"]
    assert page(claims, results).splitlines()[-2:] == [
        "| `a` | it | ratio >= 15 | 5 | ok: ratio 16.25 (H, commit c) |",
        "| `b` | it | ratio >= 15 | 5 | unmeasured |",
    ]
