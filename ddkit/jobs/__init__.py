"""The library calls behind the commands: from a recipe and data to a finished, evaluated and drawn set.

Each takes names, recipes, paths and a progress meter, and returns a plain result; most write a run folder. Only this
package combines data, networks, experts, methods and evaluation, which do not depend on each other.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.cite import cite
    from ddkit.jobs.compare import compare
    from ddkit.jobs.comparison.lines import Comparison
    from ddkit.jobs.condense import condense
    from ddkit.jobs.doctor import doctor
    from ddkit.jobs.evaluate import evaluate, evaluate_all
    from ddkit.jobs.export import export
    from ddkit.jobs.graph_table import GraphTable, graph_table
    from ddkit.jobs.importing import import_set
    from ddkit.jobs.kinds import kind_of_recipe, kind_of_set
    from ddkit.jobs.leaderboard import leaderboard
    from ddkit.jobs.plan import plan
    from ddkit.jobs.planning.stages import Plan
    from ddkit.jobs.recipes.request import Request
    from ddkit.jobs.relabel import relabel
    from ddkit.jobs.report import report
    from ddkit.jobs.resolved_toml import resolved_toml
    from ddkit.jobs.runs.follow import follow
    from ddkit.jobs.runs.make import Condensed
    from ddkit.jobs.sets.cards import ready_made_card
    from ddkit.jobs.sets.facts import describe
    from ddkit.jobs.sets.pixels import raw_images
    from ddkit.jobs.teachers import remove_teacher, teacher_files, train_teachers
    from ddkit.jobs.verify import Verdict, verify
    from ddkit.jobs.verify_set import verify_set

__all__ = [
    "cite",
    "Comparison",
    "compare",
    "Condensed",
    "condense",
    "GraphTable",
    "graph_table",
    "describe",
    "doctor",
    "evaluate",
    "evaluate_all",
    "export",
    "follow",
    "import_set",
    "Request",
    "kind_of_recipe",
    "kind_of_set",
    "leaderboard",
    "Plan",
    "plan",
    "raw_images",
    "ready_made_card",
    "relabel",
    "report",
    "resolved_toml",
    "remove_teacher",
    "teacher_files",
    "train_teachers",
    "Verdict",
    "verify",
    "verify_set",
]
