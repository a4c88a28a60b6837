"""What events do to the deployed design before anything is changed: every figure before and after, simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from aign.designs.changes import ChangeOrder, State
from aign.designs.deployed import Deployment
from aign.designs.events import Incident
from aign.designs.requests import ResolvedRequest
from aign.errors import ParameterError
from aign.scenarios.core.constraints import Constraint, Label, written
from aign.scenarios.core.scenario import finite_or_none


@dataclass(frozen=True)
class Impact:
    """The deployed design before and after events.

    Attributes:
        incident: the events.
        labels: of the network.
        constraints: that hold after the events.
        before, after: the deployed design, simulated in the context before and after.
    """

    incident: Incident
    labels: tuple[Label, ...]
    constraints: tuple[Constraint, ...]
    before: State
    after: State

    @property
    def broken(self) -> tuple[Constraint, ...]:
        """The constraints that the deployed design breaks after the events."""
        return tuple(bound for bound in self.constraints if not _met(bound, self.after))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for the utility and each label: before, after, whether it got worse, which bounds it breaks."""
        figures = [("utility", "", "higher", self.before.utility, self.after.utility)]
        figures += [(label.name, "" if label.unit == "1" else label.unit, label.better, self.before.labels[label.name],
                     self.after.labels[label.name]) for label in self.labels]
        return [{"label": name, "unit": unit, "before": before, "after": after,
                 "worse": after < before if better == "higher" else after > before,
                 "breaks": [str(bound) for bound in self.broken if bound.label == name]}
                for name, unit, better, before, after in figures]

    def sentence(self) -> str:
        """Return in one sentence what the events do."""
        events = ", ".join(self.incident.events)
        if not self.constraints:
            return f"After {events} the deployed design breaks nothing: the request has no constraints."
        if not self.broken:
            return f"After {events} the deployed design still meets the request."
        values = [f"{bound} ({self._story(bound)})" for bound in self.broken]
        return f"After {events} the deployed design breaks {' and '.join(values)}."

    def _story(self, bound: Constraint) -> str:
        """Return what the deployed design had and has of a broken bound's label."""
        before, after = (written(state.labels[bound.label], 5) for state in (self.before, self.after))
        if bound in self.incident.asked and not _met(bound, self.before):
            return f"already before: it had {before} and has {after}"
        return f"it has {after}" if before == after else f"it had {before} and has {after}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; null where a figure is none, such as the SINR of a user that is off."""
        rows = [{**row, **{name: finite_or_none(row[name]) for name in ("before", "after")}} for row in self.rows()]
        return {"events": list(self.incident.events), "sentence": self.sentence(), "rows": rows,
                "broken": [str(bound) for bound in self.broken], "failed": list(self.incident.failed)}

    def __rich__(self) -> Table:
        table = Table("deployed design", "before", "after", "request", title=escape(self.sentence()), box=SIMPLE_HEAD,
                      collapse_padding=True, pad_edge=False)
        for row in self.rows():
            asked = [str(bound) for bound in self.constraints if bound.label == row["label"]]
            verdict = f"broken: {', '.join(row['breaks'])}" if row["breaks"] else ", ".join(asked)
            table.add_row(f"{row['label']} {row['unit']}".strip(), written(row["before"], 5), written(row["after"], 5),
                          escape(verdict), style="red" if row["breaks"] else None)
        return table


def _met(bound: Constraint, state: State) -> bool:
    return bool(bound.holds(torch.tensor(state.labels[bound.label], dtype=torch.float64)))


def impact(request: ResolvedRequest) -> Impact:
    """Return what the events of a request do to its deployed design; no model is needed.

    Raises:
        ParameterError: the request names no event.
    """
    incident = request.incident
    if incident is None or request.start is None:
        raise ParameterError("event: none is given. Say what goes wrong, such as \"demand +20%\".")
    before = ChangeOrder(Deployment(incident.intact, incident.context), incident.asked, request.objectives[0])
    after = ChangeOrder(Deployment(incident.network, request.context), request.constraints, request.objectives[0])
    return Impact(incident, tuple(incident.intact.labels), request.constraints, before.states(incident.start[None])[0],
                  after.states(request.start[None])[0])
