"""Evaluation: train fresh networks on a set and on its rivals in the same way, and score them on real test data.

Given a set, the real data and a network, it returns an `Evaluation`, which is a table of scores with intervals. There
are two kinds of protocols. `honest` chooses settings on validation data and judges after the last step. `paper` repeats
the evaluation of a method's authors, with their selection on the test set if there is any, and states it in a note. The
package is not named `evaluate`, because `ddkit.evaluate` is the function.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.evaluation.ddranking import DDRANKING, SCORES, DDRanking, Estimate, refuse_unknown_scores
    from ddkit.evaluation.ddranking_csv import write_ranking
    from ddkit.evaluation.ddranking_rows import RankedSet, ranking_notes
    from ddkit.evaluation.flips import evaluation_dsa, resolved_flips
    from ddkit.evaluation.graph_honest import evaluate_graph_set
    from ddkit.evaluation.graph_judge import GraphJudge, GraphRow
    from ddkit.evaluation.graph_row_work import GraphScores, score_graph_rows
    from ddkit.evaluation.graph_rows import EACH_SET, ONE_BUDGET, GraphRows, graph_rows
    from ddkit.evaluation.graph_trainer import GraphTraining
    from ddkit.evaluation.honest import (
        PARTS,
        ScoreRow,
        begin_rivals,
        evaluate_honestly,
        honest_work,
        label_notes,
        packing_notes,
        score_row,
    )
    from ddkit.evaluation.labels import Labels, label_terms, refuse_missing_teachers, same_for_real, temperature_of
    from ddkit.evaluation.majority import MAJORITY
    from ddkit.evaluation.majority_row import class_notes, majority_row
    from ddkit.evaluation.paper import evaluate_as_paper
    from ddkit.evaluation.pool import Pool
    from ddkit.evaluation.protocol_names import PROTOCOLS, full_name, paper_protocol
    from ddkit.evaluation.protocols import PAPERS, PaperProtocol
    from ddkit.evaluation.row_memory import row_needs
    from ddkit.evaluation.row_work import RowWork, score_all
    from ddkit.evaluation.rows import RIVALS, WHOLE, Row, rival_row, set_row, whole_row
    from ddkit.evaluation.score import ACCURACY, AUC, BALANCED, Evaluation, Score, interval95, over_sets
    from ddkit.evaluation.score_file import read_score, write_score
    from ddkit.evaluation.settings import BY_TEACHERS, FLIP_POLICIES, LABEL_POLICIES, EvaluateSettings
    from ddkit.evaluation.table import SAME_LABELS, RivalRow, SetRow, Table, TableRow, WholeRow
    from ddkit.evaluation.trainer import Trained, train_networks
    from ddkit.evaluation.training import LR_GRIDS, Training

__all__ = [
    "GraphJudge",
    "GraphRow",
    "GraphRows",
    "GraphScores",
    "EACH_SET",
    "ONE_BUDGET",
    "graph_rows",
    "score_graph_rows",
    "GraphTraining",
    "evaluate_graph_set",
    "DDRANKING",
    "SCORES",
    "DDRanking",
    "Estimate",
    "RankedSet",
    "ranking_notes",
    "refuse_unknown_scores",
    "write_ranking",
    "EvaluateSettings",
    "FLIP_POLICIES",
    "LABEL_POLICIES",
    "BY_TEACHERS",
    "Evaluation",
    "Score",
    "interval95",
    "ACCURACY",
    "AUC",
    "BALANCED",
    "over_sets",
    "read_score",
    "write_score",
    "PaperProtocol",
    "Pool",
    "PAPERS",
    "PROTOCOLS",
    "full_name",
    "paper_protocol",
    "evaluate_as_paper",
    "begin_rivals",
    "evaluate_honestly",
    "evaluation_dsa",
    "resolved_flips",
    "LR_GRIDS",
    "PARTS",
    "SAME_LABELS",
    "temperature_of",
    "RIVALS",
    "WHOLE",
    "Row",
    "Labels",
    "label_terms",
    "refuse_missing_teachers",
    "same_for_real",
    "RivalRow",
    "ScoreRow",
    "SetRow",
    "Table",
    "TableRow",
    "WholeRow",
    "row_needs",
    "label_notes",
    "packing_notes",
    "class_notes",
    "majority_row",
    "MAJORITY",
    "set_row",
    "rival_row",
    "whole_row",
    "score_row",
    "honest_work",
    "RowWork",
    "score_all",
    "Trained",
    "Training",
    "train_networks",
]
