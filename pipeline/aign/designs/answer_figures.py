"""What is known of an answer: ranked designs, judged by certificates, compared, diagnosed and explained.

Axes: K designs, X design values, E training designs, T horizon, Z state values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from aign.designs import diversity
from aign.designs.best_value import BestValue, best_value
from aign.designs.changes import ChangeOrder, Changes
from aign.designs.deployed import Deployment
from aign.designs.diagnosis import Diagnosis, diagnose
from aign.designs.diversity import Diversity
from aign.designs.explanation import Explanation, explain
from aign.designs.front import Front, front, searched_points
from aign.designs.generation import Candidates
from aign.designs.impact import Impact, impact
from aign.designs.objectives import Objective, preference
from aign.designs.requests import ResolvedRequest
from aign.designs.runner_up import RunnerUp, runner_up
from aign.designs.suggestions import Mender, Suggestion
from aign.diffusion.strategies import Strategy
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.core.scenario import Scenario, finite_or_none

TARGETS = 8
"""Generated designs that suggestions are pruned from."""


@dataclass(frozen=True)
class AnswerFigures:
    """Ranked designs for one request, with the certificate they are judged by; the figures that follow from them are
    computed when they are first asked for.

    `training_designs` (E, X), in canonical order, are given where novelty shall be measured against them; `known_best`
    is what was known of labels that are objectives before designs were generated.
    """

    scenario: Scenario[Any]
    request: ResolvedRequest
    candidates: Candidates
    certificate: Certificate
    reference: float
    strategy: Strategy
    training_designs: Tensor | None = None
    known_best: tuple[BestValue, ...] = ()

    @property
    def optimum(self) -> float:
        """Certified utility under the request's constraints; NaN where there is no certificate."""
        return float(self.certificate.utility[0])

    @property
    def feasible(self) -> bool:
        """Whether any design can meet the request, as far as the certificate or a generated design can tell."""
        return bool(self.certificate.feasible[0]) or bool(self.candidates.feasible[0].any())

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """Why no design is known that meets the request; None where one is."""
        return None if self.feasible else diagnose(self.scenario, self.request.context, self.request.constraints)

    @cached_property
    def explanation(self) -> Explanation | None:
        """Why the best design looks as it does; None where none meets the request."""
        if not bool(self.candidates.feasible[0, 0]):
            return None
        return explain(self.scenario, self.request.context, self.request.constraints, self.candidates.designs[0, 0],
                       self.best_path, self.certificate, self.best_values[0] if len(self.best_values) == 1 else None)

    @cached_property
    def best_values(self) -> tuple[BestValue | None, ...]:
        """For each objective how good it can be, with what is proven of it; None for the utility, of which
        `certificate` tells, and where no design is known that meets the request.
        """
        return tuple(None if objective.is_utility or not self.feasible else self._best_value(objective)
                     for objective in self.request.objectives)

    def _best_value(self, objective: Objective) -> BestValue | None:
        """Return how good a label can be; searched for again only where a generated design is better than was known."""
        request, candidates = self.request, self.candidates
        met = candidates.feasible[0]
        score = objective.score(candidates.utility, candidates.labels)[0].where(met, -torch.inf).amax()
        before = next((best for best in self.known_best if best.objective == objective), None)
        if before is not None and float(score) <= before.score:
            return before
        return best_value(self.scenario, request.context, request.constraints, objective, candidates.designs[0][met])

    @cached_property
    def front(self) -> Front | None:
        """Of several objectives the designs that no other beats; None where there is one objective."""
        request, candidates = self.request, self.candidates
        if len(request.objectives) == 1:
            return None
        searched = searched_points(self.scenario, request.context, request.constraints, request.objectives,
                                   self.best_values, self.certificate)
        labels = {name: values[0] for name, values in candidates.labels.items()}
        return front(request.objectives, candidates.utility[0], labels, candidates.feasible[0], searched)

    @cached_property
    def changes(self) -> Changes | None:
        """The changes from the deployed design to the best one, in order; None where none is deployed.

        None of them where the deployed design meets the request and nothing generated is better.
        """
        request = self.request
        if request.start is None:
            return None
        order = ChangeOrder(Deployment(self.scenario, request.context), request.constraints, request.objectives[0])
        start, best = order.states(torch.stack([request.start, self.candidates.designs[0, 0]]))
        keep = start.meets and not (best.meets and order.score(best) > order.score(start))
        return order.changes(start.design, start.design if keep else best.design)

    @cached_property
    def impact(self) -> Impact | None:
        """What events did to the deployed design; None where none was named."""
        return None if self.request.incident is None else impact(self.request)

    @cached_property
    def runner_up(self) -> RunnerUp | None:
        """Why the best design and not the next one; None where all designs are the same."""
        request = self.request
        return runner_up(self.scenario, request.context, request.constraints, request.objectives,
                         self.candidates.designs[0], self.rows())

    def suggest(self, keep: Sequence[str] = ()) -> tuple[Suggestion, ...]:
        """Return the few changes of the deployed design after which the request is met, or which improve it.

        Args:
            keep: names of parts that stay as they are; those that failed in an event do anyway.

        Raises:
            ParameterError: no deployed design was given with the request, or an unknown part.
        """
        request, scenario = self.request, self.scenario
        if request.start is None:
            raise ParameterError("Suggestions change a deployed design: give it as the start of the request.")
        deployment = Deployment(scenario, request.context)
        for name in keep:
            if name not in (names := [part.entity for part in deployment.parts]):
                raise ParameterError(unknown_name("part of the design to keep", name, names))
        known = self.candidates.designs[0][self.candidates.feasible[0]][:TARGETS]
        projected = scenario.project(request.context[None], request.start[None], request.constraints)
        searched = [each.design[None] for each in self.best_values if each is not None]
        targets = torch.cat([projected, self.certificate.design, *searched, known]).to(request.start.dtype)
        failed = () if request.incident is None else request.incident.failed
        mender = Mender(deployment, request.constraints, request.objectives[0], {*keep, *failed})
        return mender.suggestions(request.start, deployment.settled(targets).unique(dim=0))

    @cached_property
    def best_path(self) -> Tensor:
        """The states (T+1, Z) passed on the way to the best design, with what is hidden."""
        best = self.candidates
        return self.scenario.path_of(self.request.context, best.designs[0, 0], best.paths[0, 0])

    @cached_property
    def diversity(self) -> Diversity:
        """How different the designs are from each other and from the training designs."""
        candidates, designs = self.candidates, self.candidates.designs[0]
        _, index = self.scenario.canonical_order(self.request.context[None])
        return diversity.measure(self.scenario, designs, candidates.utility[0], candidates.feasible[0],
                                 self.training_designs, designs.gather(1, index.expand(len(designs), -1)))

    def spread(self, count: int) -> Self:
        """Return the answer with up to `count` good designs that differ as much as can be; see `diversity.spread`."""
        candidates = self.candidates
        keys = preference(self.request.objectives, candidates.utility, candidates.labels, candidates.feasible)
        return self._kept(sorted(diversity.spread(candidates.designs[0], keys[0][0], candidates.feasible[0], count,
                                                  norm=self.scenario.distance.norm)))

    def distinct(self) -> Self:
        """Return the answer with each design once."""
        first = dict[tuple[float, ...], int]()
        for place, design in enumerate(self.candidates.designs[0].tolist()):
            first.setdefault(tuple(design), place)
        return self._kept(list(first.values()))

    def _kept(self, chosen: list[int]) -> Self:
        """Return the answer with the designs at these places."""
        candidates = self.candidates
        values = {field.name: getattr(candidates, field.name) for field in fields(candidates)}
        labels = {name: value[:, chosen] for name, value in values.pop("labels").items()}
        kept = {name: value[:, chosen] for name, value in values.items()}
        return replace(self, candidates=Candidates(labels=labels, **kept))

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary a design, best first; None where a figure does not exist.

        An online strategy gives no path: replaying the decisions, which are the design, gives it.
        """
        return self._rows

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        candidates, scores, paths = self.candidates, self._scores(), not self.strategy.online
        return [{
            "rank": rank + 1,
            "feasible": bool(candidates.feasible[0, rank]),
            "utility": float(candidates.utility[0, rank]),
            "gap": self._gap(rank),
            "normalised_return": scores[rank],
            **{name: float(values[0, rank]) for name, values in candidates.labels.items()},
            "satisfied_before_projection": bool(candidates.raw_feasible[0, rank]),
            "path_reaches_design": bool(candidates.reached[0, rank]),
            "target_return": float(candidates.target_returns[0, rank]),
            "design": candidates.designs[0, rank].tolist(),
            **({"path": candidates.paths[0, rank].tolist()} if paths else {}),
        } for rank in range(candidates.utility.shape[1])]

    @property
    def best_known(self) -> float | None:
        """The highest utility of any design known to meet the request: certified or generated; None without one."""
        certified = self.scenario.utility(self.request.context[None], self.certificate.design)
        utilities = certified[self.certificate.feasible].tolist()
        utilities += self.candidates.utility[0][self.candidates.feasible[0]].tolist()
        return max(utilities, default=None)

    def _gap(self, rank: int) -> float | None:
        """Return how far a design is from the best value that is certified, relative to it.

        None where none is certified, where it is 0, and of several objectives.
        """
        request, best = self.request, self.best_values[0]
        if request.by_utility:
            return finite_or_none((self.optimum - float(self.candidates.utility[0, rank])) / abs(self.optimum)) \
                if self.optimum else None
        if len(request.objectives) > 1 or best is None or not best.exact or not best.value:
            return None
        return abs(float(self.candidates.labels[best.objective.name][0, rank]) - best.value) / abs(best.value)

    def _scores(self) -> list[float | None]:
        """Return normalised returns; None where constraints press the optimum below the reference, or there is none."""
        utility = self.candidates.utility[0]
        if not self.optimum > self.reference:
            return [None] * len(utility)
        scores = normalised_return(utility, utility.new_tensor(self.reference), self.certificate.utility[0])
        return [finite_or_none(float(score)) for score in scores]
