"""Combined requests on a backbone: IP, optical and reliability layers and a cost budget, against the integer program.

    python tests/benchmarks/planning_requests.py MODEL_FOLDER [--contexts 24] [--candidates 16]

For unseen contexts (drawn with a seed of their own), each kind of request is put to the diffuser and to the integer
program with the same constraints. Thresholds lie about the certified plan, so that they bind. Two baselines get the
same projection: random plans, and the certified plan of another context. Times are of this machine.
"""

import argparse
import time
from pathlib import Path

import torch

from aign.designs.generation import generate
from aign.diffusion.store import load
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.core.registry import create

SEED = 77_777
KINDS = {
    "survive (y1, y3)": lambda cost, fullest, spectrum: ["reliability>=1", "ip>=1"],
    "survive, budget 1.10 C*": lambda cost, fullest, spectrum: ["reliability>=1", "ip>=1", f"cost<={1.10 * cost}"],
    "survive, budget 1.03 C*": lambda cost, fullest, spectrum: ["reliability>=1", "ip>=1", f"cost<={1.03 * cost}"],
    "survive, optical (y1, y2, y3)": lambda cost, fullest, spectrum: ["reliability>=1", "ip>=1",
                                                                      f"optical>={spectrum - fullest}"],
    "all layers, budget 1.06 C*": lambda cost, fullest, spectrum: ["reliability>=1", "ip>=1", f"cost<={1.06 * cost}",
                                                                   f"optical>={spectrum - fullest}"],
    "partial: y3 >= 0.7, y1, budget 0.90 C*": lambda cost, fullest, spectrum: ["reliability>=0.7", "ip>=1",
                                                                               f"cost<={0.90 * cost}"],
}


class Tally:
    """What one kind of request came to."""

    def __init__(self):
        self.requests = self.impossible = self.raw = self.met = self.own = 0
        self.random_met = self.other_met = 0
        self.ratios, self.losses, self.seconds, self.solver = [], [], [], []
        self.random, self.other = [], []

    def line(self, kind):
        """Return a row of the table."""
        possible = self.requests - self.impossible

        def ratio(values):
            return f"{sum(values) / len(values):.4f} / {max(values):.4f}" if values else "-"

        def milliseconds(values):
            return f"{1000 * sum(values) / len(values):.0f}"

        return (f"| {kind} | {possible}/{self.requests} | {self.raw} | {self.met} | {self.own} | "
                f"{ratio(self.ratios)} | {ratio(self.losses)} | {self.random_met}: {ratio(self.random)} | "
                f"{self.other_met}: {ratio(self.other)} | {milliseconds(self.seconds)} | {milliseconds(self.solver)} |")


def cheapest(scenario, context, designs, constraints):
    """Return the cost of the cheapest plan that meets the constraints among designs (K, L); None if none does."""
    labels = scenario.measure(context.expand(len(designs), -1), designs)
    met = satisfied(constraints, labels, len(designs))
    return float(labels["cost"][met].min()) if bool(met.any()) else None


def ask(pipeline, judge, context, other, texts, count, tally):
    """Put one request to all methods; `judge` is the same scenario without the memory of what was generated."""
    scenario, constraints = pipeline.scenario, parse(texts, pipeline.scenario.labels)
    began = time.perf_counter()
    found = generate(pipeline, context[None], constraints, count)
    tally.seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    certificate = judge.certify(context[None], constraints)
    tally.solver.append(time.perf_counter() - began)
    tally.requests += 1
    tally.impossible += bool(certificate.impossible[0])
    if not bool(certificate.feasible[0]):
        return
    tally.raw += bool(found.raw_feasible.any())
    tally.met += bool(found.feasible[0].any())
    tally.own += bool((found.feasible[0] & (found.designs[0] != certificate.design).any(1)).any())
    truth = float(scenario.measure(context[None], certificate.design)["cost"])
    if bool(found.feasible[0].any()):
        tally.ratios.append(float(found.labels["cost"][0][found.feasible[0]].min()) / truth)
        tally.losses.append(float(certificate.utility[0] - found.utility[0, 0]))
    generator = torch.Generator().manual_seed(SEED)
    repeated = context.expand(count, -1)
    for start, costs, met in ((scenario.initial_state(repeated, generator), tally.random, "random_met"),
                              (other[None], tally.other, "other_met")):
        cost = cheapest(scenario, context, scenario.project(repeated[:len(start)], start, constraints), constraints)
        if cost is not None:
            costs.append(cost / truth)
            setattr(tally, met, getattr(tally, met) + 1)


def main():
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model", type=Path)
    options.add_argument("--contexts", type=int, default=24)
    options.add_argument("--candidates", type=int, default=16)
    given = options.parse_args()
    torch.set_num_threads(1)
    pipeline = load(given.model)
    scenario = create(**pipeline.scenario.spec())
    contexts = scenario.draw_contexts(given.contexts, torch.Generator().manual_seed(SEED))
    best = scenario.certify(contexts)
    labels = scenario.measure(contexts, best.design)
    print("| request | possible | raw met | met | by a plan of its own | cost / program's, mean / worst | "
          "utility lost, mean / worst | random, projected | another context's optimum, projected | ms | program ms |")
    print("|---" * 11 + "|")
    for kind, made in KINDS.items():
        tally = Tally()
        for row, context in enumerate(contexts):
            texts = made(float(labels["cost"][row]), float(labels["max_modules"][row]), scenario.parameters.spectrum)
            ask(pipeline, scenario, context, best.design[row - 1], texts, given.candidates, tally)
        print(tally.line(kind), flush=True)


if __name__ == "__main__":
    main()
