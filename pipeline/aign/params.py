"""Every parameter of `params.yaml`: typed, bounded, no unknown names. Light to import: no torch here.

The file holds `base`, shared by all; `variants`: name -> scenario and one block of settings for each stage, which
`dvc repro` runs; and `further`: the same for networks that `make all-scenarios` runs. The block `studies` belongs to
pipeline/studies, which reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from aign import checked_yaml
from aign.agents.settings import CollectSettings
from aign.designs.settings import EvaluateSettings, SampleSettings
from aign.diffusion.settings import TrainSettings
from aign.errors import REPRODUCE, ParameterError, unknown_name
from aign.settings import RunSettings, Settings

if TYPE_CHECKING:
    from aign.scenarios.core.scenario import Scenario

FILE = Path("params.yaml")
TRACKED_BASE = ("seed", "threads", "device")
"""Values of `base` that stages watch in dvc.yaml."""

VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case words and numbers joined by hyphens: the name is also a folder and part of a DVC stage's name."""


class ScenarioSettings(BaseModel):
    """Which network, by name; all other values are that scenario's own parameters and are checked by it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    name: str
    """A package of `aign.scenarios`, which DVC watches for changes, such as power_allocation."""

    @field_validator("name")
    @classmethod
    def _canonical(cls, name: str) -> str:
        """Return the spelling that is stored and printed, with hyphens; both name the scenario."""
        return name.replace("_", "-")

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """Return the scenario's own parameters."""
        return dict(self.__pydantic_extra__)

    @property
    def spec(self) -> dict[str, JsonValue]:
        """Return name and parameters: the scenario whose code the user trusts in what earlier stages made."""
        return {"name": self.name, **self.parameters}


class Variant(Settings):
    """One network and how to explore, learn, sample and evaluate it."""

    scenario: ScenarioSettings
    collect: CollectSettings = CollectSettings()
    train: TrainSettings = TrainSettings()
    sample: SampleSettings = SampleSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    code: str | None = Field(None, exclude=True, repr=False)
    """Of older files, and not read: the scenario's name says which package DVC watches."""

    def create_scenario(self) -> Scenario[Any]:
        """Build the network; loads torch.

        Raises:
            ParameterError: an unknown scenario or parameter, or a value out of range.
        """
        from aign.scenarios.core.registry import create

        return create(self.scenario.name, **self.scenario.parameters)

    def check_same(self, stored: Scenario[Any], folder: Path) -> None:
        """Raise where a folder was made for another network than this variant's.

        Raises:
            ParameterError: naming both, and what to do.
        """
        wanted = self.create_scenario().spec()
        if stored.spec() != wanted:
            raise ParameterError(f"{folder}: made for {stored.spec()}, but params.yaml has {wanted}. Run the "
                                 f"earlier stages again ({REPRODUCE}).")


class Params(Settings):
    """The whole of `params.yaml`."""

    base: RunSettings = RunSettings()
    variants: Annotated[dict[VariantName, Variant], Field(min_length=1)]
    """Networks that `dvc repro` runs."""
    further: dict[VariantName, Variant] = Field(default_factory=dict)
    """Networks that only `make all-scenarios` runs."""
    studies: Any = Field(None, exclude=True, repr=False)
    """Not read here: see `pipeline/studies`."""

    @model_validator(mode="after")
    def names_differ(self) -> Params:
        """Refuse a name that both groups have: both would write the same folders."""
        if repeated := sorted(self.variants.keys() & self.further.keys()):
            raise ValueError(f"duplicate name {repeated[0]!r} under variants and further; keep one of them")
        return self

    def variant(self, name: str) -> Variant:
        """Return the variant of that name.

        Raises:
            ParameterError: there is none.
        """
        known = self.variants | self.further
        if name not in known:
            raise ParameterError(unknown_name("variant", name, known))
        return known[name]

    def command(self, stage: str, name: str) -> str:
        """Return the command that runs a stage of a variant, and the stages before it, under DVC."""
        return f"dvc repro {'pipeline/dvc.yaml:' if name in self.further else ''}{stage}@{name}"

    def matching(self, scenario: str, parameters: Mapping[str, JsonValue]) -> str | None:
        """Return the first variant of a scenario with the given parameters; None where there is none.

        Raises:
            ParameterError: a variant whose scenario cannot be built.
        """
        wanted = {"name": scenario, **parameters}.items()
        for name, variant in (self.variants | self.further).items():
            if variant.scenario.name == scenario and wanted <= variant.create_scenario().spec().items():
                return name
        return None

    def check_tracked(self, name: str) -> None:
        """Check that params.yaml writes out the blocks of a variant that DVC tracks, before any stage takes its time.

        Raises:
            ParameterError: some are left out; this program has defaults for them, but DVC stops where it needs them.
        """
        group = "further" if name in self.further else "variants"
        variant = self.variant(name)
        for place, block, tracked in (("base", self.base, TRACKED_BASE),
                                      (f"{group}.{name}", variant, variant.model_dump())):
            if missing := [field for field in tracked if field not in block.model_fields_set]:
                raise ParameterError(f"params.yaml: {place} lacks {', '.join(missing)}, which DVC tracks. For the "
                                     "defaults write a block as `train: {}`, a value of `base` as `device: auto`.")


def load(path: str | Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ParameterError: with the file, the dotted path of each invalid value, the value, and what is allowed.
    """
    return checked_yaml.load(Path(path), Params, ParameterError)
