"""NCFM with the settings of its released code, which differ from those of the paper; see `ddkit.methods.ncfm`."""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.ncfm import CharacteristicMatching
from ddkit.methods.ncfm_settings import NCFMSettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class NCFMReleaseSettings(NCFMSettings):
    """Settings of NCFM's released code."""

    name: ClassVar[str] = "ncfm-release"
    frequencies: int = preset(NCFMSettings, "frequencies", 4096)
    sampler: str = preset(NCFMSettings, "sampler", "normal")
    state: str = preset(NCFMSettings, "state", "all")
    length: str = preset(NCFMSettings, "length", "each")
    calibrations: int = preset(NCFMSettings, "calibrations", 1)


@final
class NCFMRelease(CharacteristicMatching):
    """NCFM with normal frequencies, features of length 1, one state of Adam for all classes, and calibrations."""

    settings_class = NCFMReleaseSettings
