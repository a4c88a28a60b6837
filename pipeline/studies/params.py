"""params.yaml as the studies read it: what aign reads, and the block `studies`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aign import checked_yaml
from aign import params as aign_params
from aign.errors import AignError, ParameterError, unknown_name
from aign.params import FILE as FILE
from studies.settings import StudySettings


class StudyParams(aign_params.Params):
    """The whole of params.yaml, the block `studies` included."""

    studies: StudySettings = StudySettings()


def load(path: Path = FILE) -> StudyParams:
    """Read and check a parameter file; a ParameterError names the file, the path of each value at fault and what is
    allowed.
    """
    return checked_yaml.load(path, StudyParams, ParameterError)


def check(params: StudyParams, path: Path) -> None:
    """Check the agents, sizes and requests that the block `studies` names; loads torch.

    Raises:
        ParameterError: the dotted place of each value at fault, the value, and what is allowed.
    """
    from aign.agents.fit import check_fit
    from aign.scenarios.core.constraints import parse
    from aign.scenarios.core.registry import create

    problems = []

    def attempt(place: str, function: Callable[..., object], *arguments: object) -> None:
        """Note the error that a check raises, with the place of the value."""
        try:
            function(*arguments)
        except AignError as error:
            problems.append(f"studies.{place}: {error}")

    known = params.variants | params.further
    for name, kinds in params.studies.agents.variants.items():
        if name not in known:
            problems.append(f"studies.agents.variants.{name}: {unknown_name('variant', name, known)}")
            continue
        for number, kind in enumerate(kinds):
            attempt(f"agents.variants.{name}[{number}]",
                    lambda kind, variant: check_fit(kind, variant.create_scenario()), kind, known[name])
    if "users" in params.studies.bias.model_fields_set:  # the default belongs to the default sizes
        attempt("bias.users", params.studies.tables.collecting, params.studies.bias.users)
    labels = create("power-allocation", users=2).labels
    for place, case in enumerate(params.studies.rate.cases):
        for number, request in enumerate(case.constraints):
            attempt(f"rate.cases[{place}].constraints[{number}]", parse, request, labels)
    if problems:
        raise ParameterError(checked_yaml.listed(path, problems))
