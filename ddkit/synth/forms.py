"""All compact forms, found by the names of their expansions."""

from ddkit.synth.compact import Compact
from ddkit.synth.compensated import Compensated
from ddkit.synth.packed import Packed

FORMS: tuple[type[Compact], ...] = (Compensated, Packed)


def form_of(expansion: object) -> type[Compact]:
    """The compact form with an expansion of this name.

    Raises:
        ValueError: there is none.
    """
    for form in FORMS:
        if expansion in form.expansions:
            return form
    raise ValueError(f"its expansion {expansion!r} is not one of this version of ddkit")
