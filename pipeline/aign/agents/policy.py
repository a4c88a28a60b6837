"""The policy all decision makers share, free of the library that trained it.

Axes: B networks, N decision makers, F values one observes, A action values of a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from aign.errors import ModelError
from aign.files.writing import read_json, write_json, writing
from aign.scenarios.core.exploration import Act
from aign.scenarios.core.scenario import Scenario

Bounding = Literal["tanh", "clip", "choose"]
"""What an action is made of a network's values by: tanh, clipping to [-1, 1], or 1 for the largest and 0 elsewhere."""


class Policy(nn.Module):
    """What one decision maker does by what it observes; all decision makers of a network share it.

    Attributes:
        KIND: in words; KEYS: what the stored shape holds.
        shape: what the policy is built from, as JSON values.
    """

    KIND: ClassVar[str]
    KEYS: ClassVar[set[str]]
    shape: dict[str, Any]

    @torch.no_grad()
    def act(self, scenario: Scenario[Any], contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return the deterministic actions (B, A) of whole networks."""
        actions: Tensor = self(scenario.agent_observations(contexts, states, time))
        return actions.flatten(1)

    def in_scenario(self, scenario: Scenario[Any]) -> Act:
        """Return `act` in a scenario."""
        return partial(self.act, scenario)

    def save(self, path: Path) -> None:
        """Write `<path>.json` (shape) and `<path>.safetensors` (weights)."""
        with writing(_file(path, "safetensors")) as aside:
            save_file(self.state_dict(), aside)
        write_json(_file(path, "json"), self.shape)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote, ready to act.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        shape = read_json(_file(path, "json"), ModelError)
        if not isinstance(shape, dict) or set(shape) != cls.KEYS:
            raise ModelError(f"{_file(path, 'json')}: not a {cls.KIND}; it must hold {', '.join(sorted(cls.KEYS))}. "
                             "Train the agent again.")
        weights = _file(path, "safetensors")
        try:
            policy = cls(**{name: value for name, value in shape.items() if name != "kind"})
            policy.load_state_dict(load_file(weights))
        except (OSError, SafetensorError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"{weights}: weights cannot be read ({error}). Train the agent again.") from None
        return policy.eval().requires_grad_(False)


class SharedPolicy(Policy):
    """A multilayer perceptron from the observation of a decision maker to its action: values in [-1, 1], or a choice.

    Args:
        features: F.
        actions: A / N.
        hidden: widths of the hidden layers, each followed by SiLU.
        bounding: how the mean is kept in [-1, 1]: "tanh" (soft actor-critic) or "clip" (PPO); or "choose": values are
            scores of choices.
    """

    KIND, KEYS = "shared policy", {"features", "actions", "hidden", "bounding"}

    def __init__(self, features: int, actions: int, hidden: Sequence[int], bounding: Bounding) -> None:
        super().__init__()
        self.shape = {"features": features, "actions": actions, "hidden": list(hidden), "bounding": bounding}
        self.hidden, self.bounding = tuple(hidden), bounding
        self.layers = nn.Sequential(*hidden_layers(features, hidden), nn.Linear((features, *hidden)[-1], actions))

    def forward(self, observations: Tensor) -> Tensor:
        """Return actions (..., A / N) for observations (..., F)."""
        return bounded(self.layers(observations), self.bounding)

    @classmethod
    def from_layers(cls, layers: Sequence[nn.Linear], bounding: Bounding) -> SharedPolicy:
        """Copy trained linear layers, first to last."""
        # New layers draw their first weights from the global stream, which training may be using.
        with torch.random.fork_rng(devices=[]):
            policy = cls(layers[0].in_features, layers[-1].out_features, [layer.out_features for layer in layers[:-1]],
                         bounding)
        copies = [layer for layer in policy.layers if isinstance(layer, nn.Linear)]
        for copy, trained in zip(copies, layers, strict=True):
            copy.load_state_dict(trained.state_dict())
        return policy.eval().requires_grad_(False)


def bounded(values: Tensor, bounding: Bounding) -> Tensor:
    """Return actions of the same shape as the values (..., V) that a network gave."""
    if bounding == "choose":
        chosen: Tensor = nn.functional.one_hot(values.argmax(dim=-1), values.shape[-1])
        return chosen.to(values.dtype)
    return values.tanh() if bounding == "tanh" else values.clamp(-1.0, 1.0)


def hidden_layers(features: int, hidden: Sequence[int]) -> list[nn.Module]:
    """Return linear layers from `features` through the widths `hidden`, each followed by SiLU."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise((features, *hidden)):
        layers += [nn.Linear(width_in, width_out), nn.SiLU()]
    return layers


def _file(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")
