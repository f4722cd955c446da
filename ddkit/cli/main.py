"""The command group, whose commands are imported on first use, and the conversion of errors to lines and exit codes."""

import importlib

import click

from ddkit.cli.output import echo
from ddkit.cli.stopping import farewell, signal_behind
from ddkit.errors import DDKitError, RankError, RunInterrupted, UsageError, nearest, with_causes
from ddkit.ranks import launched, leads

COMMANDS = {
    "condense": "Condense a dataset: the main job.",
    "plan": "Estimate time, memory and disk of condensing on this machine.",
    "compare": "Compare recipes, with several sets of each, in one table.",
    "graphs": "Compare sets of graphs of several data, depths and sizes in one table.",
    "evaluate": "Train networks on a set and its rivals; print the table.",
    "verify": "Run a recipe again and compare it with the scores in its header.",
    "relabel": "Label a set by teachers.",
    "show": "Print the facts of a set and how to train on it.",
    "report": "Write the report of a run or a comparison as one HTML file.",
    "leaderboard": "Rank the sets of each dataset beside random, herding, k-means and the whole data.",
    "export": "Write a set as npz, png, pt or h5, or as a dataset repository for the Hugging Face Hub.",
    "cite": "Print BibTeX of the papers behind a set or a method.",
    "import": "Read a set that others released as a set of ddkit.",
    "sets": "The ready-made sets.",
    "recipes": "List, show and check recipes.",
    "methods": "Methods: papers, settings with default, range and help, recipes.",
    "nets": "Networks and their settings.",
    "data": "Datasets with a name, and the names of your own data.",
    "experts": "Kinds of experts and their settings.",
    "protocols": "Protocols of evaluation and their settings.",
    "buffer": "List, verify and remove buffers of expert trajectories.",
    "teachers": "Train, list, verify and remove teachers.",
    "jobs": "List the work that was sent to a Slurm cluster.",
    "doctor": "Versions, devices, data, disk and a smoke job, for bug reports.",
}

MODULES = dict.fromkeys(("methods", "nets", "data", "experts", "protocols"), "catalogues")
"""Command -> module, where the two names differ."""

WORDS_OF_PYTHON = {"import": "import_set"}
"""Command -> module and function, where the command's name cannot be a function's."""

DIVIDED = "condense"
"""The command that several ranks run together."""


class LazyGroup(click.Group):
    """A group that imports the module of a command when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        name = WORDS_OF_PYTHON.get(name, name)
        command: click.Command = getattr(importlib.import_module(f"ddkit.cli.{MODULES.get(name, name)}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UsageError(f"No such command '{args[0]}'; {nearest(args[0], COMMANDS, 'ddkit --help')}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ddkit")
def ddkit() -> None:
    """Turn a large real dataset into a tiny synthetic one that trains a network almost as well.

    Begin with: ddkit condense --method ftd
    """


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; an error is one line on standard error.

    Of several ranks, only rank 0 prints its error. If rank 0 was killed, rank 1 says so.
    """
    try:
        return _run(arguments)
    except RankError as error:
        return _last_line(_one_line(str(error)), error.exit_code, bool(str(error)))
    except DDKitError as error:
        return _last_line(_one_line(str(error)), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        usage = error.ctx if isinstance(error, click.UsageError) else None
        hint = f" See `{usage.command_path} --help`" if usage else ""
        return _last_line(f"{_one_line(error.format_message())}{hint}", error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        number = signal_behind(error)
        begun = any(isinstance(cause, RunInterrupted) for cause in with_causes(error))
        return _last_line(farewell(number, arguments, begun), 128 + number)


def _run(arguments: list[str]) -> int:
    command = next(iter(arguments), "")
    if (place := launched()) is not None and command in COMMANDS and command != DIVIDED:
        raise UsageError(
            f"ddkit {command}: runs in one process, and torchrun started {place.count}; leave torchrun out. Only ddkit "
            f"{DIVIDED} divides its work"
        )
    code: int = ddkit.main(arguments, prog_name="ddkit", standalone_mode=False) or 0
    return code


def _one_line(text: str) -> str:
    return f"ddkit: {' '.join(text.split())}"


def _last_line(line: str, code: int, speaks: bool | None = None) -> int:
    """Print the line if this process is not a rank that follows, or if it `speaks` nevertheless."""
    if leads() if speaks is None else speaks:
        echo(line, error=True)
    return code
