"""Upload of a published folder to the Hugging Face Hub. Only this module imports huggingface_hub, which is optional."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ddkit.errors import DataError, DDKitError, reason


class Hub:
    """One dataset repository on the Hub.

    Args:
        repo: its name, "USER/NAME" or "NAME".
        private: whether only its owner sees it.

    Raises:
        DataError: huggingface_hub is not installed, the name is invalid, or the user is not logged in. This is found
            out before anything is written.
    """

    def __init__(self, repo: str, private: bool = False) -> None:
        self._module = _installed()
        self.repo, self._private = repo, private
        self._api = self._module.HfApi()
        with _Refused(f"push to '{repo}'", self._module):
            import_module("huggingface_hub.utils").validate_repo_id(repo)
            self._user = self._api.whoami()["name"]

    @property
    def full_name(self) -> str:
        """USER/NAME."""
        return self.repo if "/" in self.repo else f"{self._user}/{self.repo}"

    def push(self, folder: Path, files: Sequence[str]) -> str:
        """Upload these files of a folder in one commit, make the repository if needed, and return its address.

        Other files of the folder stay where they are, and other files of the repository too.

        Raises:
            DataError: the Hub cannot be reached or refuses, or the repository is public and should be private.
        """
        with _Refused(f"push to '{self.full_name}'", self._module, f"; the files are in '{folder}'"):
            self._api.create_repo(self.full_name, repo_type="dataset", private=self._private, exist_ok=True)
            if self._private and not self._api.repo_info(self.full_name, repo_type="dataset").private:
                raise DataError(
                    f"push to '{self.full_name}': the repository exists and is public; choose another name, or leave "
                    f"--private out; nothing was uploaded, the files are in '{folder}'"
                )
            self._api.upload_folder(
                repo_id=self.full_name,
                folder_path=str(folder),
                repo_type="dataset",
                commit_message="Upload by ddkit",
                allow_patterns=list(files),
            )
        return f"https://huggingface.co/datasets/{self.full_name}"


class _Refused:
    """A block whose errors of the Hub become one line."""

    def __init__(self, what: str, module: Any, kept: str = "") -> None:
        self._what, self._module, self._kept = what, module, kept

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        errors = self._module.errors
        if isinstance(error, errors.LocalTokenNotFoundError):
            raise DataError(
                f"{self._what}: you are not logged in; run `hf auth login`, or set HF_TOKEN{self._kept}"
            ) from error
        if isinstance(error, errors.HFValidationError):
            raise DataError(f"{self._what}: the Hub allows no such name; write USER/NAME{self._kept}") from error
        if isinstance(error, Exception) and not isinstance(error, DDKitError):  # its HTTP library has errors of its own
            raise DataError(f"{self._what}: failed ({reason(error)}); try again{self._kept}") from error


def _installed() -> Any:
    try:
        return import_module("huggingface_hub")  # not by name: it is optional, and type checkers need not have it
    except ImportError:
        raise DataError("push: huggingface_hub is not installed; run: pip install 'ddkit[hf]'") from None
