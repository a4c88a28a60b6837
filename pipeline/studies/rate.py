"""Rate utility at several base stations: does a generator find better optima, or the same ones sooner, than classics?

For each family of networks: collect trajectories of agents and simple rules, train the diffuser on them, then let it
and the classics answer the same requests on unseen contexts.
"""

from __future__ import annotations

from studies import rate_methods, runs, training
from studies.params import StudyParams
from studies.runs import Task, place


def collect(params: StudyParams, seed: int, case: str) -> None:
    """Collect the dataset of a case."""
    settings = params.studies.rate
    runs.collect(params, "collect-rate", seed, case, settings.case(case).scenario, settings.collect)


def train(params: StudyParams, seed: int, case: str) -> None:
    """Train the diffuser of a case."""
    settings, data = params.studies.rate.train, place("collect-rate", seed, case) / "trajectories"
    task = Task("set", settings.steps, training.diffuser,
                {"datasets": [data], "settings": settings, "run": params.run(seed)})
    runs.compute(params, "train-rate", seed, case, [task], [data], training=True)


def compare(params: StudyParams, seed: int, case: str) -> None:
    """Let all methods answer the requests of a case, one task a request."""
    settings, chosen = params.studies.rate, params.studies.rate.case(case)
    collected, trained = place("collect-rate", seed, case), place("train-rate", seed, case)
    common = {"dataset": collected / "trajectories", "agents": collected / "agents",
              "model": trained / "set" / training.MODEL, "seed": seed, "case": chosen,
              "settings": settings.model_copy(update={"cases": (chosen,)})}
    tasks = [Task(f"request-{number}", rate_methods.STEPS, rate_methods.compare,
                  {**common, "constraints": list(constraints)})
             for number, constraints in enumerate(chosen.constraints)]
    runs.compute(params, "compare-rate", seed, case, tasks, [collected, trained])
