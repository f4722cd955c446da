"""Uploads, to a stand-in of the Hub's client that has its calls and arguments; nothing reaches the network."""

from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import huggingface_hub
import pytest
from click.testing import CliRunner
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
from listener import Listener

import ddkit
from ddkit.errors import DataError


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """What HfApi() returns. `autospec` refuses calls and arguments that the client does not have."""
    client = mock.create_autospec(huggingface_hub.HfApi, instance=True)
    client.whoami.return_value = {"name": "me"}
    client.repo_info.return_value = SimpleNamespace(private=True)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: client)
    return client


def test_one_commit_has_exactly_the_sets_files(api: mock.Mock, tmp_path: Path) -> None:
    listener, folder = Listener(), tmp_path / "set"
    folder.mkdir()
    (folder / "private.txt").write_text("mine")
    ddkit.export("digits-ftd-ipc1", "hf", folder, push="me/digits", meter=listener)
    api.create_repo.assert_called_once_with("me/digits", repo_type="dataset", private=False, exist_ok=True)
    (upload,) = api.upload_folder.call_args_list
    assert upload.kwargs["repo_id"] == "me/digits" and upload.kwargs["repo_type"] == "dataset"
    root = Path(upload.kwargs["folder_path"])
    files = [str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()]
    sent = {file for file in files if any(fnmatch(file, pattern) for pattern in upload.kwargs["allow_patterns"])}
    assert sent == set(files) - {"private.txt"} and {"README.md", "croissant.json", "set.h5"} <= sent
    assert listener.lines[-1] == "uploaded to https://huggingface.co/datasets/me/digits"
    assert 'load_dataset("me/digits", split="train")' in (folder / "README.md").read_text()


def test_a_name_without_user_is_that_of_the_user(api: mock.Mock, tmp_path: Path) -> None:
    ddkit.export("digits-ftd-ipc1", "hf", tmp_path / "set", push="digits", private=True)
    api.create_repo.assert_called_once_with("me/digits", repo_type="dataset", private=True, exist_ok=True)
    assert api.upload_folder.call_args.kwargs["repo_id"] == "me/digits"


def test_a_public_repository_gets_no_private_set(api: mock.Mock, tmp_path: Path) -> None:
    """`create_repo(exist_ok=True)` leaves a repository that exists as public as it was."""
    api.repo_info.return_value = SimpleNamespace(private=False)
    with pytest.raises(DataError, match="the repository exists and is public") as caught:
        ddkit.export("digits-ftd-ipc1", "hf", tmp_path / "set", push="me/digits", private=True)
    assert caught.value.exit_code == 3 and not api.upload_folder.called


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        ("whoami", LocalTokenNotFoundError("no token"), "not logged in; run `hf auth login`, or set HF_TOKEN"),
        ("whoami", ConnectionError("no route"), r"failed \(no route\); try again$"),
        ("create_repo", HfHubHTTPError("403 Forbidden", response=mock.Mock()), "403 Forbidden.*the files are in"),
        ("upload_folder", RuntimeError("timed out\nand more"), r"failed \(timed out\); try again; the files are in"),
    ],
)
def test_what_the_hub_refuses_is_one_line(
    api: mock.Mock, tmp_path: Path, call: str, error: Exception, said: str
) -> None:
    getattr(api, call).side_effect = error
    with pytest.raises(DataError, match=said) as caught:
        ddkit.export("digits-ftd-ipc1", "hf", tmp_path / "set", push="me/digits")
    assert caught.value.exit_code == 3 and "\n" not in str(caught.value)
    assert (tmp_path / "set").exists() == (call != "whoami")  # who is not logged in learns it before any work


def test_a_name_that_the_hub_does_not_allow_is_refused_before_any_work(api: mock.Mock, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="push to 'a/b/c': the Hub allows no such name; write USER/NAME"):
        ddkit.export("digits-ftd-ipc1", "hf", tmp_path / "set", push="a/b/c")
    assert not api.mock_calls and not list(tmp_path.iterdir())


def test_offline_the_real_client_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_token")
    with pytest.raises(DataError, match="push to 'me/digits': failed") as caught:
        ddkit.export("digits-ftd-ipc1", "hf", tmp_path / "set", push="me/digits")
    assert "\n" not in str(caught.value)


def test_the_command(api: mock.Mock, tmp_path: Path) -> None:
    from ddkit.cli.main import ddkit as command

    words = ["export", "digits-ftd-ipc1", "--to", "hf", "--out", str(tmp_path / "set"), "--push", "me/x", "--private"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    assert api.create_repo.call_args.kwargs["private"] is True
