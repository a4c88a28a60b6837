"""Table II and the text around it, claim by claim: each is decided by computed numbers, by the rule that stands here.

A rule is asked at every number of users (or of every group); where all agree the claim is supported or not supported,
else the verdict is mixed. What no number of the study decides is marked not measured.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aign.errors import DatasetError
from aign.files.writing import read_json
from studies import bias_claims
from studies.bias_claims import Claim
from studies.comparison import CERTIFIED, ROUNDED
from studies.markdown import words
from studies.runs import PAGES, Run, publish
from studies.table_one import RETURN, find

GOAL = "0.98"
"""The pooled return whose first reaching counts as convergence; one of `convergence.GOALS`."""
UNSTABLE = 0.02
"""A fall of the pooled return between two points of a learning curve, at some seed, that counts as unstable."""
CLOSE = 0.001
"""Relative difference of utilities that counts as very close; the paper's own three figures differ by up to 0.0007."""
GOOD = 0.98
"""Pooled return that counts as having found good designs."""
GAINED = 0.10
"""By how much showing constraints must raise raw satisfaction above the masked control to count as adapting."""
CONVERGENCE = {"SAC: slow convergence": (operator.gt, "sac", ("ppo", "bcq", "unet")),
               "BCQ: fast convergence": (operator.lt, "bcq", ("sac",)),
               "Proposed (diffuser): fast convergence": (operator.lt, "unet", ("sac",))}
"""Claims on a learner's training seconds to GOAL: more (gt) or fewer (lt) than those of each of the others."""
SPENDERS = {"sac": "SAC", "bcq": "BCQ", "diffuser_unet_single": "U-Net diffuser"}
SPENDING = {"SAC: time-consuming": (operator.gt, "sac"), "BCQ: less time-consuming": (operator.lt, "bcq")}
"""Claims on a method's seconds of the whole training, against those of the other SPENDERS."""
Row = Mapping[str, Any]


def write(run: Run) -> None:
    """Write table2.json from the files beside it."""
    table, convergence, transfer, constraints, about, bias = (
        read_json(PAGES / f"{name}.json", DatasetError)
        for name in ("table1", "convergence", "transfer", "constraints", "tables", "bias"))
    evidence = Evidence(table, convergence, transfer, constraints, about["candidates"])
    publish("claims", "table2.json", [decided(*claim) for claim in (*claims(evidence), *bias_claims.claims(bias))])


def decided(claim: str, agrees: Sequence[bool], figure: str) -> dict[str, str]:
    """Return a row of table2.json: supported where all agree, not supported where none does, else mixed."""
    verdict = "supported" if all(agrees) else "mixed" if any(agrees) else "not supported"
    return {"claim": claim, "verdict": verdict if agrees else "not measured", "figure": figure}


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged by: the content of table1.json, convergence.json, transfer.json and constraints.json
    (None where it was not made), and the number of designs generated where the best one counts.
    """

    table: Sequence[Row]
    convergence: Sequence[Row]
    transfer: Sequence[Row]
    constraints: Row | None
    candidates: int

    @property
    def users(self) -> list[int]:
        """Numbers of users, ascending."""
        return sorted({int(row["users"]) for row in self.table})

    def value(self, users: int, gains: str, method: str, figure: str) -> float:
        """Return a figure of Table I, its mean where it has an interval."""
        value = find(self.table, users, gains, method)[figure]
        return float(value["mean"] if isinstance(value, Mapping) else value)

    def curve(self, method: str, users: int) -> Row:
        """Return a learner's row of the convergence table."""
        return next(row for row in self.convergence if row["method"] == method and row["users"] == users)

    def seconds_to_goal(self, method: str, users: int) -> float:
        """Return the training seconds until GOAL is reached; infinite where it is not."""
        value = self.curve(method, users)["reached"][GOAL]["seconds"]
        return math.inf if value is None else float(value)

    def spent(self, method: str, users: int) -> float:
        """Return the seconds of a method's whole training."""
        return self.value(users, "general", method, "training_seconds")


def claims(evidence: Evidence) -> list[Claim]:
    """Return the claims that the tables decide, in the order of table2.json."""
    slow, *fast = [(claim, ordered(evidence, evidence.seconds_to_goal, order, method, others),
                    f"training seconds to a pooled return of {GOAL}: "
                    + told(evidence, evidence.seconds_to_goal, {name: name for name in (method, *others)}))
                   for claim, (order, method, others) in CONVERGENCE.items()]
    spent = [(claim, ordered(evidence, evidence.spent, order, method, [name for name in SPENDERS if name != method]),
              f"seconds of the whole training: {told(evidence, evidence.spent, SPENDERS)}")
             for claim, (order, method) in SPENDING.items()]
    return [slow, unstable(evidence), *fast, offline_faster(evidence), close(evidence), *spent, np_hard(evidence),
            changing(evidence), user_numbers(evidence), conditional(evidence),
            ("Proposed: requires more tuning", [], "no number of this study counts tuning effort")]


def ordered(evidence: Evidence, seconds: Callable[[str, int], float], order: Callable[[float, float], bool],
            method: str, others: Sequence[str]) -> list[bool]:
    """Return, for each number of users, whether a method's seconds stand in an order to those of all others."""
    return [all(order(seconds(method, users), seconds(other, users)) for other in others) for users in evidence.users]


def unstable(evidence: Evidence) -> Claim:
    """SAC is unstable: its pooled return falls by UNSTABLE or more between points of the curve."""
    falls = {users: float(evidence.curve("sac", users)["largest_fall"]) for users in evidence.users}
    return ("SAC: unstable convergence", [fall >= UNSTABLE for fall in falls.values()],
            f"largest fall of the pooled return below its best so far, any seed: {by_users(falls, '.4f')} "
            f"(unstable from {UNSTABLE})")


def offline_faster(evidence: Evidence) -> Claim:
    """Both offline methods reach GOAL in fewer seconds than both online ones."""
    sooner = [evidence.seconds_to_goal(offline, users) < evidence.seconds_to_goal(online, users)
              for users in evidence.users for offline in ("bcq", "unet") for online in ("sac", "ppo")]
    return ("Offline methods converge faster than online RL", sooner,
            f"{sum(sooner)} of {len(sooner)} pairs (offline, online, users) are won by the offline method; "
            "training alone, the collection of the data not counted")


def close(evidence: Evidence) -> Claim:
    """Rewards are very close: the U-Net's utility on the preset differs by at most CLOSE from SAC's and BCQ's."""
    def apart(kind: str) -> float:
        """Return the largest relative difference over users and rivals."""
        values = [(evidence.value(users, "preset", f"diffuser_unet_{kind}", "utility"),
                   evidence.value(users, "preset", other, "utility"))
                  for users in evidence.users for other in ("sac", "bcq")]
        return max(abs(ours - theirs) / abs(theirs) for ours, theirs in values)

    differences = {kind: apart(kind) for kind in ("single", f"best_of_{evidence.candidates}")}
    figure = ", ".join(f"{words(kind)}: {value:.3%}" for kind, value in differences.items())
    return ("Rewards of the diffusion model are very close to SAC's and BCQ's",
            [value <= CLOSE for value in differences.values()],
            f"largest relative difference on the preset, {figure} (close up to {CLOSE:.1%})")


def np_hard(evidence: Evidence) -> Claim:
    """The problem is classically NP-hard: refuted for log utility where a convex bound is all but reached."""
    places = [(users, gains) for users in evidence.users for gains in ("preset", "general")]
    gap = max(1 - evidence.value(*place, ROUNDED, "utility_ratio") for place in places)
    slowest = max(evidence.value(*place, CERTIFIED, "milliseconds_per_design") for place in places)
    return ("Sum-data utility maximisation (logarithm of the rate) is NP-hard", [gap > CLOSE],
            f"a design within {gap:.3%} of a certified upper bound is computed in {slowest:.2g} ms a context; "
            "concave in log power, so hard only for the sum of rates")


def changing(evidence: Evidence) -> Claim:
    """SAC suits changing environments: good designs on unseen general gains and on numbers of users never trained."""
    returns = {f"{users} users": evidence.value(users, "general", "sac", RETURN) for users in evidence.users}
    returns |= {f"{row['users']} users with {row['method']}": float(row[RETURN]["mean"])
                for row in evidence.transfer if str(row["method"]).startswith("sac")}
    worst = min(returns, key=lambda name: returns[name])
    return ("SAC: suitable for changing environments", [value >= GOOD for value in returns.values()],
            f"pooled return without training again, worst case {worst}: {returns[worst]:.4f} (good from {GOOD})")


def user_numbers(evidence: Evidence) -> Claim:
    """The diffuser gives good designs for the number of users it is conditioned on, trained or not."""
    method = "diffuser_set_single"
    trained = {users: evidence.value(users, "general", method, RETURN) for users in evidence.users}
    untrained = {int(row["users"]): float(row[RETURN]["mean"]) for row in evidence.transfer if row["method"] == method}
    return ("Proposed: conditioned on the number of users, one model serves each",
            [value >= GOOD for value in (*trained.values(), *untrained.values())],
            f"pooled return of single designs, trained: {by_users(trained, '.4f')}"
            + (f"; never trained: {by_users(untrained, '.4f')}" if untrained else ""))


def conditional(evidence: Evidence) -> Claim:
    """The diffuser adapts to conditional environments: conditioning on constraints raises raw satisfaction."""
    claim, constraints = "Proposed: adapts to conditional environments", evidence.constraints
    if constraints is None or "masked" not in constraints["controls"]:
        return claim, [], "needs constraints.json with its masked control"
    masked = constraints["controls"]["masked"]
    gained = {family: float(figures["satisfied_raw"]) - float(masked[family]["satisfied_raw"])
              for family, figures in constraints["feasible"].items() if family in masked}
    parts = ", ".join(f"{words(family)} {value:+.1%}" for family, value in gained.items())
    return (claim, [value >= GAINED for value in gained.values()],
            f"raw satisfaction gained over the same model with its constraints masked: {parts}")


# --- how figures are put ---------------------------------------------------------------------------------------------

def told(evidence: Evidence, seconds: Callable[[str, int], float], names: Mapping[str, str]) -> str:
    """Return the seconds of methods (method -> its name) at every number of users."""
    return "; ".join(f"{name} {by_users({users: seconds(method, users) for users in evidence.users}, '.3g')}"
                     for method, name in names.items()).replace("inf", "never")


def by_users(values: Mapping[int, float], form: str) -> str:
    """Return values in the order of the numbers of users, such as 1.2 / 3.4 / 5.6 (20 / 50 / 80 users)."""
    return (" / ".join(format(value, form) for value in values.values())
            + f" ({' / '.join(map(str, values))} users)")
