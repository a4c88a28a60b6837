"""Table II and the text around it, claim by claim: each is decided by computed numbers, by the rule that stands here.

A rule is asked at every number of users (or of every group); where all agree the claim is supported or not supported,
else the verdict is mixed. What no number of the study decides is marked not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aign.studies.comparison import CERTIFIED, ROUNDED
from aign.studies.table_one import place

GOAL = "0.98"
"""The pooled return whose first reaching counts as convergence; one of `convergence.GOALS`."""
UNSTABLE = 0.02
"""A fall of the pooled return between two points of a learning curve that counts as unstable."""
CLOSE = 0.001
"""Relative difference of utilities that counts as very close; the paper's own three figures differ by up to 0.0007."""
GOOD = 0.98
"""Pooled return that counts as having found good designs."""
GAINED = 0.10
"""By how much showing constraints must raise raw satisfaction above the masked control to count as adapting."""
NOT_MEASURED = "not measured"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged by.

    Attributes:
        table: rows of table1.json.
        convergence: rows of convergence.json.
        transfer: rows of transfer.json.
        constraints: content of constraints.json; None where it was not made.
        candidates: designs generated where the best one counts.
    """

    table: Rows
    convergence: Rows
    transfer: Rows
    constraints: Mapping[str, Any] | None
    candidates: int

    @property
    def users(self) -> list[int]:
        """Numbers of users, ascending."""
        return sorted({int(row["users"]) for row in self.table})

    def row(self, users: int, gains: str, method: str) -> Mapping[str, Any]:
        """Return a row of Table I."""
        return place(self.table, users, gains, method)

    def curve(self, method: str, users: int) -> Mapping[str, Any]:
        """Return a learner's row of the convergence table."""
        return next(row for row in self.convergence if row["method"] == method and row["users"] == users)

    def seconds_to_goal(self, method: str, users: int) -> float:
        """Return the training seconds until GOAL is reached; infinite where it is not."""
        value = self.curve(method, users)["reached"][GOAL]["seconds"]
        return float("inf") if value is None else float(value)


def claims(evidence: Evidence) -> list[dict[str, str]]:
    """Return the rows of table2.json: claim, verdict and the figure that decides."""
    return [slow(evidence), unstable(evidence), fast(evidence, "bcq", "BCQ"),
            fast(evidence, "unet", "Proposed (diffuser)"), offline_faster(evidence), close(evidence),
            time_consuming(evidence), less_time(evidence), np_hard(evidence), changing(evidence),
            user_numbers(evidence), conditional(evidence), tuning()]


def slow(evidence: Evidence) -> dict[str, str]:
    """SAC is slow: of all learners it is the last to reach GOAL, in seconds."""
    def last(users: int) -> bool:
        return evidence.seconds_to_goal("sac", users) > max(evidence.seconds_to_goal(other, users)
                                                            for other in ("ppo", "bcq", "unet"))
    return decided("SAC: slow convergence", [last(users) for users in evidence.users],
                   times(evidence, ("sac", "ppo", "bcq", "unet")))


def unstable(evidence: Evidence) -> dict[str, str]:
    """SAC is unstable: its pooled return falls by UNSTABLE or more between points of the curve, at some seed."""
    falls = {users: float(evidence.curve("sac", users)["largest_fall"]) for users in evidence.users}
    return decided("SAC: unstable convergence", [fall >= UNSTABLE for fall in falls.values()],
                   f"largest fall of the pooled return below its best so far, any seed: {by_users(falls, '.4f')} "
                   f"(unstable from {UNSTABLE})")


def fast(evidence: Evidence, method: str, name: str) -> dict[str, str]:
    """An offline method is fast: it reaches GOAL in fewer seconds of training than SAC."""
    sooner = [evidence.seconds_to_goal(method, users) < evidence.seconds_to_goal("sac", users)
              for users in evidence.users]
    return decided(f"{name}: fast convergence", sooner, times(evidence, (method, "sac")))


def offline_faster(evidence: Evidence) -> dict[str, str]:
    """Both offline methods reach GOAL in fewer seconds than both online ones."""
    sooner = [evidence.seconds_to_goal(offline, users) < evidence.seconds_to_goal(online, users)
              for users in evidence.users for offline in ("bcq", "unet") for online in ("sac", "ppo")]
    return decided("Offline methods converge faster than online RL", sooner,
                   f"{sum(sooner)} of {len(sooner)} pairs (offline, online, users) are won by the offline method; "
                   "training alone, the collection of the data not counted")


def close(evidence: Evidence) -> dict[str, str]:
    """Rewards are very close: the U-Net's utility on the preset differs by at most CLOSE from SAC's and BCQ's."""
    kinds = ("single", f"best_of_{evidence.candidates}")
    apart = {kind: max(apart_from(evidence, users, kind, other) for users in evidence.users
                       for other in ("sac", "bcq")) for kind in kinds}
    figure = ", ".join(f"{kind.replace('_', ' ')}: {value:.3%}" for kind, value in apart.items())
    return decided("Rewards of the diffusion model are very close to SAC's and BCQ's",
                   [value <= CLOSE for value in apart.values()],
                   f"largest relative difference on the preset, {figure} (close up to {CLOSE:.1%})")


def apart_from(evidence: Evidence, users: int, kind: str, other: str) -> float:
    """Return the relative difference between the U-Net's utility and another method's, on the preset."""
    ours = float(evidence.row(users, "preset", f"diffuser_unet_{kind}")["utility"])
    theirs = float(evidence.row(users, "preset", other)["utility"])
    return abs(ours - theirs) / abs(theirs)


def time_consuming(evidence: Evidence) -> dict[str, str]:
    """SAC is time-consuming: its whole training takes longer than BCQ's and the U-Net's."""
    longer = [spent(evidence, "sac", users) > max(spent(evidence, "bcq", users),
                                                  spent(evidence, "diffuser_unet_single", users))
              for users in evidence.users]
    return decided("SAC: time-consuming", longer, spending(evidence))


def less_time(evidence: Evidence) -> dict[str, str]:
    """BCQ is less time-consuming: its whole training takes less time than SAC's and the U-Net's."""
    shorter = [spent(evidence, "bcq", users) < min(spent(evidence, "sac", users),
                                                   spent(evidence, "diffuser_unet_single", users))
               for users in evidence.users]
    return decided("BCQ: less time-consuming", shorter, spending(evidence))


def np_hard(evidence: Evidence) -> dict[str, str]:
    """The problem is classically NP-hard: refuted for log utility where a convex bound is all but reached."""
    gap = max(1 - float(evidence.row(users, gains, ROUNDED)["utility_ratio"]["mean"])
              for users in evidence.users for gains in ("preset", "general"))
    slowest = max(float(evidence.row(users, gains, CERTIFIED)["milliseconds_per_design"])
                  for users in evidence.users for gains in ("preset", "general"))
    return decided("Sum-data utility maximisation (logarithm of the rate) is NP-hard", [gap > CLOSE],
                   f"a design within {gap:.3%} of a certified upper bound is computed in {slowest:.2g} ms a context; "
                   "concave in log power, so hard only for the sum of rates")


def changing(evidence: Evidence) -> dict[str, str]:
    """SAC suits changing environments: good designs on unseen general gains and on numbers of users never trained."""
    unseen = {f"{users} users": float(evidence.row(users, "general", "sac")["normalised_return_pooled"]["mean"])
              for users in evidence.users}
    untrained = {f"{row['users']} users with {row['method']}": float(row["normalised_return_pooled"]["mean"])
                 for row in evidence.transfer if str(row["method"]).startswith("sac")}
    worst = min({**unseen, **untrained}.items(), key=lambda item: item[1])
    return decided("SAC: suitable for changing environments",
                   [value >= GOOD for value in (*unseen.values(), *untrained.values())],
                   f"pooled return without training again, worst case {worst[0]}: {worst[1]:.4f} "
                   f"(good from {GOOD})")


def user_numbers(evidence: Evidence) -> dict[str, str]:
    """The diffuser gives good designs for the number of users it is conditioned on, trained or not."""
    method = "diffuser_set_single"
    trained = {users: float(evidence.row(users, "general", method)["normalised_return_pooled"]["mean"])
               for users in evidence.users}
    untrained = {int(row["users"]): float(row["normalised_return_pooled"]["mean"]) for row in evidence.transfer
                 if row["method"] == method}
    figure = f"pooled return of single designs, trained: {by_users(trained, '.4f')}"
    if untrained:
        figure += f"; never trained: {by_users(untrained, '.4f')}"
    return decided("Proposed: conditioned on the number of users, one model serves each",
                   [value >= GOOD for value in (*trained.values(), *untrained.values())], figure)


def conditional(evidence: Evidence) -> dict[str, str]:
    """The diffuser adapts to conditional environments: shown constraints raise raw satisfaction above masked ones."""
    claim = "Proposed: adapts to conditional environments"
    masked = masked_control(evidence.constraints)
    if evidence.constraints is None or masked is None:
        return {"claim": claim, "verdict": NOT_MEASURED, "figure": "needs constraints.json (aign study constraints)"}
    gained = {group: share(shown) - share(masked[group])
              for group, shown in evidence.constraints["feasible"].items() if group in masked}
    parts = ", ".join(f"{group.replace('_', ' ')} {value:+.1%}" for group, value in gained.items())
    return decided(claim, [value >= GAINED for value in gained.values()],
                   f"raw satisfaction gained over the same model with its constraints masked: {parts}")


def masked_control(constraints: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the control whose constraints are masked; None where there is none."""
    controls = (constraints or {}).get("controls", {})
    return next((control for name, control in controls.items() if "masked" in name), None)


def share(group: Mapping[str, Any]) -> float:
    """Return the share of a group's requests that were met before any projection."""
    return float(group["satisfied_raw"])


def tuning() -> dict[str, str]:
    """Tuning effort is no number of this study."""
    return {"claim": "Proposed: requires more tuning", "verdict": NOT_MEASURED,
            "figure": "no number of this study counts tuning effort"}


# --- how a verdict and its figure are put ----------------------------------------------------------------------------

def decided(claim: str, agrees: Sequence[bool], figure: str) -> dict[str, str]:
    """Return a row: supported where all agree, not supported where none does, else mixed."""
    verdict = "supported" if all(agrees) else "mixed" if any(agrees) else "not supported"
    return {"claim": claim, "verdict": verdict if agrees else NOT_MEASURED, "figure": figure}


def times(evidence: Evidence, methods: Sequence[str]) -> str:
    """Return the seconds to GOAL of methods at every number of users."""
    parts = [f"{method} {by_users({users: evidence.seconds_to_goal(method, users) for users in evidence.users}, '.3g')}"
             for method in methods]
    return f"training seconds to a pooled return of {GOAL}: {'; '.join(parts)}".replace("inf", "never")


def spent(evidence: Evidence, method: str, users: int) -> float:
    """Return the training seconds of a method."""
    return float(evidence.row(users, "general", method)["training_seconds"])


def spending(evidence: Evidence) -> str:
    """Return the training seconds of SAC, BCQ and the U-Net."""
    names = {"sac": "SAC", "bcq": "BCQ", "diffuser_unet_single": "U-Net diffuser"}
    parts = [f"{name} {by_users({users: spent(evidence, method, users) for users in evidence.users}, '.3g')}"
             for method, name in names.items()]
    return f"seconds of the whole training: {'; '.join(parts)}"


def by_users(values: Mapping[int, float], form: str) -> str:
    """Return values in the order of the numbers of users, such as 1.2 / 3.4 / 5.6 (20 / 50 / 80 users)."""
    return (" / ".join(format(value, form) for value in values.values())
            + f" ({' / '.join(map(str, values))} users)")
