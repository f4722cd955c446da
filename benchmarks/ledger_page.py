"""The page docs/gpu.md: every claim with its targets and its measured figures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ledger import Claim

HEAD = """# Claims about a GPU

`python benchmarks/gpu.py --seconds 600 --data DIR` measures these claims in this order.
`python benchmarks/gpu.py --list` prints this page. "Unmeasured" means that `benchmarks/results/gpu.jsonl` has no
figures of the claim.

| claim | measures | target | seconds expected | measured |
|---|---|---|---|---|
"""


def page(claims: Sequence[Claim], published: Path) -> str:
    """The page in Markdown: each claim with its last line in a file of results."""
    lines = [json.loads(text) for text in published.read_text().splitlines()] if published.exists() else []
    last = {line["claim"]: line for line in lines if not line.get("rehearsal")}
    return HEAD + "".join(_row(claim, last.get(claim.name)) for claim in claims)


def _row(claim: Claim, line: dict[str, Any] | None) -> str:
    targets = ", ".join(map(str, claim.targets)) or "none"
    cells = (f"`{claim.name}`", claim.proves, targets, f"{claim.seconds:.0f}", _measured(line))
    return f"| {' | '.join(cells)} |\n"


def _measured(line: dict[str, Any] | None) -> str:
    if line is None:
        return "unmeasured"
    figures = ", ".join(f"{name} {value:.4g}" for name, value in line.get("figures", {}).items())
    device = line.get("environment", {}).get("device", "unknown card")
    return f"{line['status']}: {figures or 'no figures'} ({device}, commit {line.get('commit', 'unknown')})"
