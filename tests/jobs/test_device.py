import pytest

from ddkit.errors import UsageError
from ddkit.jobs.machine.device import pick_device


@pytest.mark.parametrize("name", ["gpu", "GPU", "cuda0", "cuda:", "mps", "auto:1", "cuda:one"])
def test_a_name_of_no_device_is_answered_with_the_names(name: str) -> None:
    with pytest.raises(UsageError, match=rf"device '{name}': is unknown; use cuda or cuda:1 for a GPU"):
        pick_device(name)
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(UsageError, match="device 'cuda:99': this machine or this build of torch does not have it"):
        pick_device("cuda:99")
