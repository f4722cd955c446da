"""BibTeX of methods, pieces and sets."""

import dataclasses
import re
from pathlib import Path

import pytest
from published_sets import made

import ddkit
from ddkit.errors import DataError, UsageError
from ddkit.methods.table import METHODS as TABLE
from ddkit.publish import METHODS, entries, papers_of
from ddkit.publish.citations import ELSEWHERE
from ddkit.recipe_files import find_recipe, shipped_recipes
from ddkit.synth import GraphSet

MTT, FTD, AST, DATM = "cazenavette2022dataset", "du2023minimizing", "shen2023ast", "guo2024datm"


def cited(text: str) -> list[str]:
    return re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)


def test_every_method_names_its_papers_or_has_none() -> None:
    assert METHODS.keys() == TABLE.keys()
    assert [method for method, papers in METHODS.items() if not papers] == ["random"]
    named = {key for papers in (METHODS | ELSEWHERE).values() for key in papers}
    assert named <= entries().keys()


def test_entries_are_complete_bibtex() -> None:
    file = (Path(ddkit.__file__).parent / "publish" / "citations.bib").read_text(encoding="utf-8")
    assert len(entries()) == len(set(entries())) == file.count("\n@") + 1
    for key, entry in entries().items():
        assert entry.count("{") == entry.count("}") and entry.endswith("\n}") and cited(entry) == [key]
        fields = re.findall(r"^  (\w+) = \{.+?\},?$", entry, re.MULTILINE | re.DOTALL)
        assert fields in (["title", "author", "booktitle", "year"], ["title", "author", "journal", "year"]), key
        assert re.search(r"year = \{(199|20[012])\d\}", entry)


@pytest.mark.parametrize(
    ("section", "key", "value", "paper"),
    [
        ("experts", "name", "flat", FTD),
        ("experts", "name", "smooth", AST),
        ("experts", "penalty", 2.0, AST),
        ("experts", "warmup", 0.5, AST),
        ("method", "ema_decay", 0.99, FTD),
        ("method", "weight_perturb", 1.0, AST),
        ("method", "middle_loss", "agg", AST),
        ("method", "pix_init", "representative", AST),
        ("method", "pix_init", "samples_predicted_correctly", DATM),
        ("method", "soft_labels", True, DATM),
        ("method", "threshold", 1.0, DATM),
        ("method", "match", "nearest", "liu2024att"),
        ("method", "gradient", "detached", "cui2023scaling"),
        ("method", "skip_shallow", 0.5, "li2024pad"),
        ("method", "largest", 0.75, "wang2025edf"),
        ("method", "fyi", True, "son2024fyi"),
    ],
)
def test_a_piece_that_a_recipe_switches_on_is_cited(section: str, key: str, value: object, paper: str) -> None:
    settings = {"method": {"syn_steps": 30}, "experts": {"name": "plain"}}
    assert papers_of("mtt", settings) == (MTT,)
    settings[section][key] = value
    assert papers_of("mtt", settings) == (MTT, paper)


def test_every_piece_is_a_setting_of_a_method_or_of_experts() -> None:
    """A setting that is renamed would be cited no longer."""
    from ddkit.experts.kinds import KINDS, expert_settings
    from ddkit.methods import method_class
    from ddkit.publish.citations import _CHANGES, _VALUES

    fields = {f"experts.{field.name}" for kind in KINDS for field in dataclasses.fields(expert_settings(kind))}
    fields |= {
        f"method.{field.name}" for name in TABLE for field in dataclasses.fields(method_class(name).settings_class)
    }
    assert {*_CHANGES, *_VALUES} <= fields | {"experts.name"}


@pytest.mark.parametrize(
    ("method", "papers"),
    [
        ("mtt", [MTT]),
        ("ftd", [MTT, FTD]),
        ("ast", [MTT, AST]),
        ("datm", [MTT, FTD, DATM]),
        ("best", [MTT, FTD, "cui2022dc", DATM]),
        ("dsa", ["zhao2021datasetcondensation", "zhao2021differentiatble"]),
        ("infer", ["zhang2025infer"]),
        ("mirage-plus", ["gupta2024mirage"]),
        ("ncfm", ["wang2025ncfm"]),
        ("random", []),
    ],
)
def test_a_method_is_cited_with_the_pieces_that_are_on_by_default(method: str, papers: list[str]) -> None:
    assert sorted(cited(ddkit.cite(method))) == sorted(papers)


def test_a_set_is_cited_by_its_recipe_and_entries_come_once(graphs: GraphSet) -> None:
    plain = made("plain")
    fyi = dataclasses.replace(plain, facts=dataclasses.replace(plain.facts, fyi=True))
    assert cited(ddkit.cite("digits-ftd-ipc1", "ftd", "mtt")) == [MTT, FTD]
    assert cited(ddkit.cite(fyi)) == [MTT, FTD, "son2024fyi"]
    assert cited(ddkit.cite(graphs)) == ["gupta2024mirage"]


def test_a_method_of_others_is_said_to_be_unknown() -> None:
    plain = made("plain")
    other = dataclasses.replace(
        plain,
        facts=dataclasses.replace(plain.facts, method="mine"),
        record=dataclasses.replace(plain.record, recipe=""),
    )
    assert ddkit.cite(other) == "% a set of digits: its papers are not known to ddkit"


def test_a_name_that_is_neither_names_the_nearest_of_both() -> None:
    with pytest.raises(DataError, match=r"no ready-made set; .*as a method: did you mean ftd"):
        ddkit.cite("fdt")
    with pytest.raises(UsageError, match="needs a method or a set"):
        ddkit.cite()
    with pytest.raises(UsageError, match="cite: sources must be a tuple of"):
        ddkit.cite(3)  # type: ignore[arg-type]


def test_every_shipped_recipe_has_papers_that_exist() -> None:
    from ddkit.toml import read_toml

    for recipe in shipped_recipes():
        where, text = find_recipe(recipe.name)
        papers = papers_of(recipe.method, read_toml(text, where))
        assert papers is not None and set(papers) <= entries().keys()
        assert papers or recipe.method == "random"


def test_the_command_prints_what_the_call_returns(capsys: pytest.CaptureFixture[str]) -> None:
    from ddkit.cli.main import run

    assert run(["cite", "dm", "digits-ftd-ipc1"]) == 0
    assert capsys.readouterr().out == ddkit.cite("dm", "digits-ftd-ipc1") + "\n"
