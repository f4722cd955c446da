"""Files of graph networks' scores, so that an interrupted table does not score finished rows again."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ddkit.evaluation import GraphJudge, GraphRow, Score, read_score, write_score
from ddkit.run import Meter


@dataclass(frozen=True, eq=False)
class GraphBoard:
    """Scores of one judge on one part. Each has a file in `folder`, named by a digest of all that it depends on."""

    judge: GraphJudge
    on: str
    folder: Path
    meter: Meter

    def score(self, row: GraphRow, gnn: str) -> Score:
        """A row's score under one kind of network, read from its file if that exists.

        Raises:
            DataError: the file is damaged.
        """
        file = self._file(row, gnn)
        if not file.exists():
            score = self.judge.score(row, gnn)
            write_score(file, score)
            self.meter.say(f"  {row.name}, {gnn}: AUC {100 * score.mean:.1f}, {score.seconds:.0f} s")
        return read_score(file)

    def _file(self, row: GraphRow, gnn: str) -> Path:
        judge, training = self.judge, dataclasses.asdict(self.judge.training)
        del training["gnns"], training["whole"]
        digests = [judge.train.digest, judge.judged.digest, *(source.digest for source in row.sources)]
        key = ("3", digests, judge.hops, sorted(training.items()), judge.seed, row.trained_on, gnn, self.on)
        return self.folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"
