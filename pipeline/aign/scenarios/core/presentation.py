"""How a network is shown to people; optional: by default a bar chart of the design.

Axes: B networks, C context values, S state values, T steps, X design values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from aign.scenarios.core.features import Feature

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Presentation(ABC):
    """The optional part of a scenario that explanations, reports and environments show."""

    published: ClassVar[str] = ""
    """What a paper printed for this network, and why ours is comparable with it or not; Markdown, for reports."""
    presets: Mapping[str, Tensor] = MappingProxyType({})
    """Named contexts, each (C,)."""
    state_features: tuple[Feature, ...]

    @abstractmethod
    def design_of(self, states: Tensor) -> Tensor:
        """See `Scenario.design_of`."""

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return what each part of the network (user, channel, link) gives or gets, by name and unit, each (B, parts).

        For explanations, the benefit last. By default the design values themselves.
        """
        parts = designs.double().split([feature.size for feature in self.state_features], dim=1)
        return {f"{feature.name} [{feature.unit}]": part
                for feature, part in zip(self.state_features, parts, strict=True)}

    def entity_names(self, count: int) -> list[str]:
        """Return what people call the parts of the network that the `count` values of a feature or figure belong to,
        such as "user 7" or "link A-B"; by default their numbers from 1. Values of one name belong together.
        """
        return [f"entity {number + 1}" for number in range(count)]

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw the design that a path of states (T+1, S) led to in one context (C,)."""
        from matplotlib.figure import Figure

        design = self.design_of(path[-1:])[0].cpu()
        figure = Figure(layout="constrained")
        figure.gca().bar(range(len(design)), design)
        figure.gca().set(title=title, xlabel="place in the design", ylabel="value")
        return figure
