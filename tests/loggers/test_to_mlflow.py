"""MLflow with a store in a folder: what its client reads of a run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ddkit.jobs.runs import Condensed
from ddkit.run import RunFolder

mlflow = pytest.importorskip("mlflow")


@pytest.mark.pictures
def test_metrics_scores_and_gallery_of_a_run_and_of_its_resume(
    small_run: Callable[..., Condensed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    small_run(tmp_path / "run", log="mlflow", evaluate=False)
    made = small_run(tmp_path / "run", "method.iterations=6", resume=True, log="mlflow")
    client = mlflow.MlflowClient()
    (experiment,) = [one for one in client.search_experiments() if one.name == "ddkit"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert json.loads((made.folder / "logs.json").read_text()) == {"mlflow": run.info.run_id}
    assert run.info.status == "FINISHED" and run.data.params["method.iterations"] == "4"
    history = {point.step: point.value for point in client.get_metric_history(run.info.run_id, "loss")}
    rows = RunFolder(made.folder).read_metrics()
    assert history == {row["iteration"]: pytest.approx(row["loss"]) for row in rows} and len(rows) == 6
    assert made.evaluation is not None
    means = {f"score/{score.name}": score.mean for score in made.evaluation.scores}
    assert {name: run.data.metrics[name] for name in means} == pytest.approx(means)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["gallery.png"]
