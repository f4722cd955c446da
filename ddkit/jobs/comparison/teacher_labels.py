"""Teachers' labels in one part of a comparison: the teachers of real images, the refusals, and the notes."""

from collections.abc import Sequence

from ddkit.errors import UsageError
from ddkit.evaluation import BY_TEACHERS, SAME_LABELS
from ddkit.experts import Ensemble
from ddkit.experts.settings import TEACHERS
from ddkit.jobs.comparison.candidate import Candidate
from ddkit.jobs.comparison.rules import group_terms


def refuse_unclear_labels(members: list[Candidate], policy: str) -> None:
    """Raise UsageError if a policy needs teachers for real images and the recipes do not agree on them.

    There may be none, several kinds, or several temperatures. This is checked before anything is trained.
    """
    if policy not in BY_TEACHERS:
        return
    every = [candidate.recipes[0].experts for candidate in members]
    kinds = [experts for experts in every if experts is not None and experts.gives == TEACHERS]
    if not kinds:
        raise UsageError(
            f"compare: {policy} labels need teachers, and no recipe of {', '.join(e.name for e in members)} has "
            "any; add a recipe with teachers, such as one of infer, or use --labels hard"
        )
    if any(kind != kinds[0] for kind in kinds):
        raise UsageError(
            f"compare: recipes of one table have different teachers, and under {policy} labels one ensemble labels all "
            "real images; give the recipes the same [experts]"
        )
    terms = group_terms(members)
    temperatures = list(dict.fromkeys(one.temperature for one in terms))
    counts = list(dict.fromkeys(one.top_k for one in terms))
    for what, found, fix in (
        ("temperature", temperatures, "add --set evaluate.temperature=T"),
        ("top_k", counts if policy == "static" else [], "give the recipes one method.top_k"),
    ):
        if len(found) > 1:
            raise UsageError(
                f"compare: recipes of one table have labels of {what} {' and '.join(map(str, found))}, and under "
                f"{policy} labels all real images have the same {what}; {fix}"
            )


def common_teachers(members: list[Candidate], teachers_of: dict[Candidate, Ensemble | None]) -> Ensemble | None:
    """The teachers that label the real images of a group; None if there are none, or several kinds."""
    found = [teachers for candidate in members if (teachers := teachers_of[candidate]) is not None]
    alike = all(teachers.names == found[0].names for teachers in found)
    return found[0] if found and alike else None


def label_notes(
    members: list[Candidate], teachers_of: dict[Candidate, Ensemble | None], labels: Sequence[str]
) -> list[str]:
    """Notes on the teachers of a group; none if it has no teachers."""
    policies = labels or [members[0].recipes[0].evaluate.labels]
    if all(teachers_of[candidate] is None for candidate in members) or set(policies) == {"hard"}:
        return []
    teachers, terms = common_teachers(members, teachers_of), group_terms(members)
    if teachers is None or len(terms) > 1:
        return [f"left out: {SAME_LABELS}; the recipes' teachers, temperatures or top_k differ"]
    notes = [
        f"teachers' logits are learned at temperature {terms[0].temperature:g}; the teachers ({len(teachers)}) have "
        f"{teachers.size:,} bytes, which are not in the bytes of any row"
    ]
    if (
        len({candidate.recipes[0].method.expects_flips for candidate in members if teachers_of[candidate] is not None})
        > 1
    ):
        notes.append(
            "labels of a set with FYI are the mean over both orientations; labels of a set without FYI are those of "
            "one orientation; rivals have the mean if half of all images are mirrored at each step"
        )
    return notes
