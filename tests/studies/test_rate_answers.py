"""The comparison's bookkeeping and certificates, on networks small enough to be searched in full."""

from __future__ import annotations

import pytest
import torch

from aign.scenarios.core.constraints import parse
from aign.scenarios.core.registry import create
from aign.scenarios.power_allocation.branch_and_bound import branch_and_bound
from aign.scenarios.power_allocation.multi_start import METHODS, local_optima
from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.requirements import requirements
from studies.rate import search_best, shuffled
from studies.rate_answers import Comparison, landscape, needed, proof, ratio
from studies.settings import RateSettings


def comparison(*texts, users=4, count=3):
    scenario = create("power-allocation", users=users, base_stations=2, utility="rate", gains="strong")
    contexts = scenario.draw_contexts(count, torch.Generator().manual_seed(1))
    constraints = parse(texts, scenario.labels)
    lowest = torch.full((count,), -torch.inf, dtype=torch.float64)
    return Comparison(scenario, contexts, constraints,
                      RateProblem.of(contexts, users, requirements(constraints, users)), lowest, [""] * count)


def test_designs_that_break_the_request_count_for_nothing():
    found = comparison("total_power<=50")
    designs = torch.tensor([[40.0, 11, 0, 0], [40, 10, 0, 0], [0, 0, 0, 0]]).expand(3, 3, 4)
    value = found.add("by hand", lambda: designs)
    assert torch.equal(value, designs)
    utility = found.utility["by hand"]
    assert bool((utility[:, 0] == -torch.inf).all())
    torch.testing.assert_close(utility[:, 1], found.scenario.utility(found.contexts, designs[:, 1]))
    assert torch.equal(found.best, utility.amax(dim=1))
    assert [row[0] for row in ratio(found, utility)] == [0.0, 0.0, 0.0]
    assert found.milliseconds["by hand"] > 0


def test_the_first_to_find_the_best_is_named():
    found = comparison()
    for name, value in (("a", [1.0, 5.0, 2.0]), ("b", [1.0, 6.0, 1.0])):
        found.remember(name, torch.tensor(value, dtype=torch.float64))
    assert found.by == ["a", "b", "a"]
    assert found.best.tolist() == [1.0, 6.0, 2.0]


@pytest.mark.parametrize("texts", [(), ("total_power<=60",)])
def test_the_certificate_is_the_proven_optimum_of_small_networks(texts):
    found = comparison(*texts)
    search_best(found, found.problem.starts(60, torch.Generator().manual_seed(0)))
    for row in range(3):
        searched = branch_and_bound(found.problem.take(torch.tensor([row])))
        assert searched.proven
        assert float(found.best[row]) == pytest.approx(searched.utility, rel=1e-4 if texts else 1e-9)
    said = proof(found, RateSettings(proof_users=4))
    assert said is not None
    assert said["contexts"] == said["proven"] == 3
    assert proof(found, RateSettings(proof_users=3)) is None


def test_starts_needed_and_landscape_are_read_off_the_answers():
    found = comparison(users=6)
    starts = found.problem.starts(12, torch.Generator().manual_seed(2))
    for name, climb in METHODS.items():
        found.add(name, lambda climb=climb: local_optima(found.problem, starts, climb)[0])
    found.add("one", lambda: starts[:, :1].round())
    counts = needed(found)
    assert "one" not in counts
    assert all(1 <= one[at]["mean"] <= 13 for one in counts.values() for at in ("1e-06", "0.001"))
    assert all(one["0.001"]["mean"] <= one["1e-06"]["mean"] for one in counts.values())
    seen = landscape(found)
    assert 1 <= seen["distinct_local_optima_mean"] <= seen["distinct_local_optima_most"] <= 12
    shares = [float((found.utility[name] >= (found.best * (1 - 1e-6))[:, None]).double().mean()) for name in METHODS]
    assert [seen[f"share_of_{name}_starts_at_best"] for name in METHODS] == pytest.approx(shares)


def test_shuffling_keeps_every_answer():
    designs = torch.arange(24.0).reshape(2, 6, 2)
    mixed = shuffled(designs)
    assert not torch.equal(mixed, designs)
    assert torch.equal(mixed.sort(dim=1).values, designs)
