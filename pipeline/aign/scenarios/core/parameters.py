"""Parameters of scenarios: from plain values to a checked scenario, and back."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from aign.errors import ParameterError


class ScenarioParameters(BaseModel):
    """Base of every scenario's parameters: typed, bounded, no unknown names, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ParametersT = TypeVar("ParametersT", bound=ScenarioParameters)


class Parameterised(Generic[ParametersT]):
    """What is built from a name and parameters, and can be written down as both."""

    name: ClassVar[str]
    Parameters: ClassVar[Any]
    """The pydantic class of the parameters."""

    def __init__(self, parameters: ParametersT) -> None:
        self.parameters = parameters

    @classmethod
    def create(cls, **values: Any) -> Self:
        """Build the scenario from plain parameter values.

        Raises:
            ParameterError: an unknown or out-of-range parameter.
        """
        return cls(cls.checked(**values))

    @classmethod
    def checked(cls, **values: Any) -> Any:
        """Return plain parameter values as the scenario's `Parameters`.

        Raises:
            ParameterError: an unknown or out-of-range parameter.
        """
        try:
            return cls.Parameters(**values)
        except ValidationError as error:
            lines = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (given {problem['input']!r})"
                              for problem in error.errors())
            allowed = ", ".join(cls.Parameters.model_fields)
            raise ParameterError(f"Scenario {cls.name}: {lines}. Parameters: {allowed}.") from None

    def spec(self) -> dict[str, Any]:
        """Return name and parameters as JSON values; `registry.create(**spec)` builds the same scenario again."""
        return {"name": self.name, **self.parameters.model_dump(mode="json")}
