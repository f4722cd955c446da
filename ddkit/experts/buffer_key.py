"""The key of a buffer: all that its experts depend on, and a digest of that for the folder's name."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.experts.digest import digest_of
from ddkit.experts.settings import ExpertSettings

FORMAT = "ddkit-expert/2"


@dataclass(frozen=True)
class BufferKey:
    """All that a trajectory depends on. `data` is a readable name; `data_digest` includes split and preprocessing."""

    data: str
    data_digest: str
    augment: str
    net: str
    experts: ExpertSettings

    def tables(self) -> dict[str, Any]:
        experts = dataclasses.asdict(self.experts)
        del experts["count"]
        return {
            "format": FORMAT,
            "data": self.data,
            "data_digest": self.data_digest,
            "augment": self.augment,
            "net": self.net,
            "experts": {"name": self.experts.name, **experts},
        }

    @property
    def digest(self) -> str:
        return digest_of(self.tables())

    @property
    def folder(self) -> str:
        net = re.sub(r"[^\w.-]", "-", self.net.partition("(")[0])
        data = Path(self.data.replace(":", "-")).name
        return f"{data}-{net}-{self.experts.name}-{self.digest[:8]}"
