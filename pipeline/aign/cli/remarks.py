"""What the table of an answer does not say: a failed part that a design uses, a design that only the search knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from aign.designs.table import written_out
from aign.scenarios.core.constraints import written
from aign.scenarios.core.features import bounds

if TYPE_CHECKING:
    from aign.designs.answer import Answer


def remarks(answer: Answer) -> list[str]:
    """Return the sentences that belong below an answer's table; none where the table says everything."""
    return [*_failed_parts_in_use(answer), *_known_beside_the_generated(answer)]


def _failed_parts_in_use(answer: Answer) -> list[str]:
    """Return which designs use a part that failed: generator and certificate know the context, not what failed."""
    failed = () if answer.request.incident is None else answer.request.incident.failed
    features = answer.scenario.state_features
    names = [name for feature in features for name in answer.scenario.entity_names(feature.size)]
    low, designs = bounds(features)[0], answer.candidates.designs[0]
    users = {part: [rank for rank, design in enumerate(designs, 1)
                    if bool((design != low)[torch.tensor([name == part for name in names])].any())] for part in failed}
    return [f"{'Designs' if len(ranks) > 1 else 'Design'} {', '.join(map(str, ranks))} and the certificate count on "
            f"{part}, which has failed: they hold once it works again. The suggestions leave it out."
            for part, ranks in users.items() if ranks]


def _known_beside_the_generated(answer: Answer) -> list[str]:
    """Return a design that meets the request where the search knows one, and none that was generated does."""
    if bool(answer.candidates.feasible[0].any()) or not answer.feasible:
        return []
    best = next((best for best in answer.best_values if best is not None), None)
    design = answer.certificate.design[0] if best is None else best.design
    context, values = answer.request.context[None], design[None]
    labels = ", ".join(f"{name} {written(float(value[0]), 4)}"
                       for name, value in answer.scenario.measure(context, values).items())
    return [f"No generated design meets the request, but one is known that does: {written_out(design.tolist())}; "
            f"utility {float(answer.scenario.utility(context, values)[0]):.4f}, {labels}."]
