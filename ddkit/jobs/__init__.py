"""One library call behind every command: from recipe and data to a finished, evaluated, drawn set.

In: names, recipes, paths and a progress meter. Out: run folders and plain results. The parts below know nothing of
each other; here they are put together, and nowhere else. The command line calls these and prints.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.compare import compare
    from ddkit.jobs.comparison import Comparison
    from ddkit.jobs.condense import Condensed, condense
    from ddkit.jobs.condense_graphs import CondensedGraphs, condense_graphs
    from ddkit.jobs.doctor import doctor
    from ddkit.jobs.evaluate import evaluate
    from ddkit.jobs.evaluate_graphs import evaluate_graphs
    from ddkit.jobs.graph_recipe import begun_recipe, is_graph_recipe
    from ddkit.jobs.graph_table import GraphTable, graph_table
    from ddkit.jobs.plan import Plan, plan
    from ddkit.jobs.plan_graphs import plan_graphs
    from ddkit.jobs.raw import raw_images
    from ddkit.jobs.relabel import relabel
    from ddkit.jobs.teachers import remove_teacher, teacher_files, train_teachers
    from ddkit.jobs.verify import Verdict, verify
    from ddkit.jobs.verify_graphs import verify_graphs

__all__ = [
    "Comparison",
    "compare",
    "Condensed",
    "condense",
    "CondensedGraphs",
    "condense_graphs",
    "GraphTable",
    "graph_table",
    "begun_recipe",
    "is_graph_recipe",
    "doctor",
    "evaluate",
    "evaluate_graphs",
    "Plan",
    "plan",
    "plan_graphs",
    "raw_images",
    "relabel",
    "remove_teacher",
    "teacher_files",
    "train_teachers",
    "Verdict",
    "verify",
    "verify_graphs",
]
