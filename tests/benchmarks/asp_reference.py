"""Reference returns of asp-selection beside those of the published environments, and how far from the bound they are.

    python tests/benchmarks/asp_reference.py              # 48 fleets each, a few minutes
    python tests/benchmarks/asp_reference.py --programs 2 # and the linear program itself in two contexts

Each context has a fleet of its own, so the spread (standard deviation) is that between fleets.
"""

import argparse

import torch

from aign.scenarios.asp_selection import AspSelection
from aign.scenarios.asp_selection.bound import Problem, descended_prices, program_prices, upper_bound

PUBLISHED = {
    "400-900": {"greedy": (-1069, 203), "random": (-81, 74), "round_robin": (251, 46), "crash_avoid": (367, 45),
                "prophet": (543, 45)},
    "400-1500": {"greedy": (-887, 314), "random": (140, 69), "round_robin": (310, 40), "crash_avoid": (364, 56),
                 "prophet": (592, 53)}}
"""Mean and standard deviation of the returns that the published environments give, measured with another simulator."""


def table(capacities: str, contexts: int, seed: int) -> None:
    """Print returns of all rules and of the certified design, and their distance from the bound."""
    scenario = AspSelection.create(capacities=capacities, fleet="drawn")
    drawn = scenario.draw_contexts(contexts, torch.Generator().manual_seed(seed))
    certificate = scenario.certify(drawn)
    assignments = {name: scenario.outcome(drawn, scenario.rollout(rule, drawn))
                   for name, rule in scenario.rules.items()}
    assignments["certified design"] = (scenario.utility(drawn, certificate.design),
                                       scenario.measure(drawn, certificate.design))
    print(f"\n{contexts} fleets, capacities {capacities}; bound {certificate.utility.mean():.1f} "
          f"+- {certificate.utility.std():.1f}")
    print(f"{'policy':<18}{'return':>18}{'published':>18}{'below bound':>14}{'crashes':>9}")
    for name, (utility, labels) in assignments.items():
        mean, spread = PUBLISHED[capacities].get(name, (None, None))
        known = "" if mean is None else f"{mean} +- {spread}"
        below = 1 - float((utility / certificate.utility).mean())
        print(f"{name:<18}{f'{utility.mean():.1f} +- {utility.std():.1f}':>18}{known:>18}{below:>13.1%}"
              f"{float(labels['crashes'].mean()):>9.1f}")


def programs(capacities: str, contexts: int, seed: int) -> None:
    """Print the linear program's optimum by HiGHS beside the bound by descent."""
    scenario = AspSelection.create(capacities=capacities, fleet="drawn")
    drawn = scenario.draw_contexts(contexts, torch.Generator().manual_seed(seed))
    workload = scenario.workload(drawn)
    prophet = scenario.utility(drawn, scenario.heuristics["prophet"](drawn))
    for row in range(contexts):
        problem = Problem.of(workload.row(row))
        bound, optimum = upper_bound(problem, descended_prices(problem)), program_prices(problem)[1]
        print(f"capacities {capacities}, context {row}: linear program {optimum:.2f}, bound by descent {bound:.2f} "
              f"({bound / optimum - 1:+.3%}), prophet {1 - float(prophet[row]) / optimum:.1%} below")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contexts", type=int, default=48)
    parser.add_argument("--programs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for capacities in PUBLISHED:
        table(capacities, given.contexts, given.seed)
        programs(capacities, given.programs, given.seed)


if __name__ == "__main__":
    main()
