"""Certificates that were asked for before: an answer, its explanation and its picture ask for the same ones.

They are remembered by network, context and constraints, the latest first, within one process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
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

Key = tuple[bytes, tuple[int, ...], tuple[Constraint, ...]]

_remembered: WeakKeyDictionary[Scenario[Any], OrderedDict[Key, Certificate]] = WeakKeyDictionary()


def certificate_of(scenario: Scenario[Any], contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
    """Return `scenario.certify(contexts, constraints)`, made once; its tensors are shared, and not to be changed."""
    if len(contexts) > MOST_CONTEXTS:
        return scenario.certify(contexts, constraints)
    known = _remembered.setdefault(scenario, OrderedDict())
    key = contexts.detach().cpu().numpy().tobytes(), tuple(contexts.shape), tuple(constraints)
    certificate = known.get(key)
    if certificate is None:
        certificate = known[key] = scenario.certify(contexts, constraints)
        if len(known) > MOST:
            known.popitem(last=False)
    else:
        known.move_to_end(key)
    return certificate
