"""Names of protocols, those of other packages included."""

from dataclasses import replace

from ddkit.errors import UsageError, nearest
from ddkit.evaluation.protocols import PAPERS, PaperProtocol
from ddkit.name_table import third_party, with_third_parties

PROTOCOLS = ("honest", "paper", *(f"paper-{name}" for name in PAPERS))
"""Names of all protocols of ddkit."""

GROUP = "protocols"
"""Group of the entry points by which other packages add PaperProtocols: "paper-NAME" for an entry point NAME."""

_SAME = {"ncfm-release": "ncfm"}
"""Methods that are evaluated by the protocol of another one."""


def paper_protocol(name: str) -> PaperProtocol | None:
    """Return the protocol of a paper or of a method, without "paper-"; None if there is none.

    Raises:
        UsageError: the entry point of another package cannot be imported, or is no PaperProtocol.
    """
    name = _SAME.get(name, name)
    if name in PAPERS:
        return PAPERS[name]
    where = _third_parties().get(name)
    if where is None:
        return None
    found: PaperProtocol = third_party("protocol", name, where, _is_protocol, "is no PaperProtocol")
    return replace(found, name=name)


def _is_protocol(found: object) -> bool:
    return isinstance(found, PaperProtocol)


def protocol_names() -> tuple[str, ...]:
    """Return the names of all protocols; those of other packages come last."""
    return (*PROTOCOLS, *(f"paper-{name}" for name in _third_parties()))


def _third_parties() -> dict[str, str]:
    own = dict.fromkeys(PAPERS, "")
    return {name: where for name, where in with_third_parties(own, GROUP).items() if name not in own}


def refuse_unknown_protocol(protocol: str) -> None:
    """Raise UsageError if there is no such protocol."""
    if protocol not in PROTOCOLS and protocol not in (known := protocol_names()):
        raise UsageError(f"protocol '{protocol}' is unknown; {nearest(protocol, known)}")


def full_name(protocol: str, method: str, labelled: bool = False) -> str:
    """The full name of a protocol. "paper" is the protocol of `method`, which made the set, or MTT's if it has none.

    Raises:
        UsageError: the protocol is unknown; or it is "paper", the set is `labelled` by teachers, and the protocol of
            its method does not use teachers' labels.
    """
    refuse_unknown_protocol(protocol)
    if protocol != "paper":
        return protocol
    own = paper_protocol(method)
    known, used = (own.name, own) if own is not None else ("mtt", PAPERS["mtt"])
    if labelled and used.labels == "auto":
        raise UsageError(
            f"protocol 'paper': the protocol of {known} does not use teachers' labels, and this set of {method} has "
            "such labels; use a protocol with teachers' labels, such as paper-infer"
        )
    return f"paper-{known}"
