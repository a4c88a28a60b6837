"""What was worked out before: a cache of bounded size, and one of certificates.

An answer, its explanation and its picture ask for the same certificates: those are remembered by network, context and
constraints, within one process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from torch import Tensor

from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario

MOST = 32
"""Certificates remembered of a network."""
MOST_CONTEXTS = 16
"""Contexts of a certificate that is remembered: those of single requests are asked for again, those of whole datasets
are not."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Values by key, made once; those used longest ago are forgotten.

    Attributes:
        most: how many values are kept at most.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key, from `make` where it is not there."""
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self.most:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


_certificates: WeakKeyDictionary[Scenario[Any], Cache[tuple[Hashable, ...], Certificate]] = WeakKeyDictionary()


def certificate_of(scenario: Scenario[Any], contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
    """Return `scenario.certify(contexts, constraints)`, made once; its tensors are shared, and not to be changed."""
    if len(contexts) > MOST_CONTEXTS:
        return scenario.certify(contexts, constraints)
    key = contexts.detach().cpu().numpy().tobytes(), tuple(contexts.shape), tuple(constraints)
    return _certificates.setdefault(scenario, Cache(MOST)).get(key, lambda: scenario.certify(contexts, constraints))
