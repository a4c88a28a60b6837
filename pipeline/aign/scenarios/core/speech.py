"""How operators speak of a network besides its labels, and which files of theirs it reads; optional.

Axes: C context values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.features import Feature
from aign.scenarios.core.parameters import Parameterised, ParametersT


class Speech(Parameterised[ParametersT]):
    """The optional part of a scenario that the reader of sentences asks."""

    purposes: ClassVar[Sequence[str]] = ()
    """Phrases that say what the network is for and ask for nothing, such as "stream video"."""

    @property
    def sizes(self) -> dict[str, int]:
        """The numbers that operators tell networks apart by, such as {"users": 20}; by default all whole parameters."""
        return {name: value for name, value in self.parameters.model_dump().items() if type(value) is int}

    @property
    def proper_names(self) -> tuple[str, ...]:
        """Names that this very network has, such as that of its topology."""
        return ()

    @property
    def carriers(self) -> Mapping[str, tuple[str, ...]]:
        """What fails several parts of a design at once, such as a fibre with its lightpaths, by name."""
        return {}

    def context_names(self, feature: Feature) -> Sequence[str] | None:
        """Return whose each value of a context feature is, such as "A-B" of a demand; None: as of a design's value."""
        return None

    def resized(self, sizes: Mapping[str, float]) -> dict[str, Any] | None:
        """Return the parameters of the network that has these `sizes`, where there is one and it is another."""
        return None

    def context_from(self, path: Path) -> Tensor | None:
        """Return the context (C,) in a file of the network's own format; None where it has none that ends so.

        Raises:
            AignError: the file cannot be read, or does not fit the network.
        """
        return None

    def planner_command(self, constraints: Sequence[Constraint], objectives: Sequence[str],
                        context: str | None) -> list[str] | None:
        """Return the arguments of an `aign` command that answers a request exactly and needs no model, if there is one.

        Args:
            constraints: of the request.
            objectives: such as "min cost".
            context: the file that holds it; None for the published one.
        """
        return None
