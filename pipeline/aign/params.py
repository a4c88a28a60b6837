"""Every parameter of `params.yaml`: typed, bounded, no unknown names. Light to import: no torch here.

The file holds `base`, shared by all, `variants`: name -> scenario and one block of settings for each stage, and
`studies`, the comparisons over many seeds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from aign import checked_yaml
from aign.agents.settings import CollectSettings, RunSettings, Settings
from aign.designs.settings import EvaluateSettings, SampleSettings
from aign.diffusion.settings import TrainSettings
from aign.errors import ParameterError, unknown_name
from aign.studies.settings import StudySettings

if TYPE_CHECKING:
    from aign.scenarios.base import Scenario

FILE = Path("params.yaml")

VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case words and numbers joined by hyphens: the name is also a folder and part of a DVC stage's name."""


class ScenarioSettings(BaseModel):
    """Which network, by name; all other values are that scenario's own parameters and are checked by it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    name: str

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """Return the scenario's own parameters."""
        return dict(self.__pydantic_extra__)


class Variant(Settings):
    """One network and how to explore, learn, sample and evaluate it."""

    scenario: ScenarioSettings
    collect: CollectSettings = CollectSettings()
    train: TrainSettings = TrainSettings()
    sample: SampleSettings = SampleSettings()
    evaluate: EvaluateSettings = EvaluateSettings()

    def create_scenario(self) -> Scenario[Any]:
        """Build the network; loads torch.

        Raises:
            ParameterError: an unknown scenario or parameter, or a value out of range.
        """
        from aign.scenarios.registry import create

        return create(self.scenario.name, **self.scenario.parameters)

    def check_same(self, found: Scenario[Any], folder: Path) -> None:
        """Raise where a folder was made for another network than this variant's.

        Raises:
            ParameterError: naming both, and what to do.
        """
        wanted = self.create_scenario().spec()
        if found.spec() != wanted:
            raise ParameterError(f"{folder}: made for {found.spec()}, but the parameters say {wanted}. Run the earlier "
                                 "stages again (`dvc repro`).")


class Params(Settings):
    """The whole of `params.yaml`."""

    base: RunSettings = RunSettings()
    variants: Annotated[dict[VariantName, Variant], Field(min_length=1)]
    studies: StudySettings = StudySettings()

    def variant(self, name: str) -> Variant:
        """Return the variant of that name.

        Raises:
            ParameterError: there is none.
        """
        if name not in self.variants:
            raise ParameterError(unknown_name("variant", name, self.variants))
        return self.variants[name]


def load(path: str | Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ParameterError: with the file, the dotted path of each value at fault, the value, and what is allowed.
    """
    return checked_yaml.load(Path(path), Params, ParameterError)
