import numpy as np
import pytest
import torch

from aign.agents.targets import solver_guided_targets
from aign.errors import ContextError
from aign.scenarios.core import registry
from aign.scenarios.core.variation import RESHAPED, SHARES, TILT
from aign.trajectories.contexts import ContextPool


def guided(scenario, contexts, count=3000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    drawn = contexts.sample(count, generator)
    return drawn, solver_guided_targets(scenario, drawn, generator)


def test_some_are_the_certified_design_and_the_rest_spread(scenario, pool) -> None:
    drawn, targets = guided(scenario, pool["train"])
    optimal = (targets == drawn.values.round()).all(1).float().mean()
    # Beside the exact ones, little noise may round back to the optimum.
    assert SHARES["exact"] - 0.03 < optimal < 0.6
    quality = drawn.normalised(scenario.utility(drawn.values, targets))
    assert float(quality.quantile(0.1)) < 0.3
    assert 0.3 < float(quality.median()) <= 1
    labels = scenario.measure(drawn.values, targets)
    best = scenario.measure(drawn.values, drawn.values.round())
    assert float((labels["total"] < 0.7 * best["total"]).float().mean()) > 0.1


def test_targets_are_admissible(scenario, pool) -> None:
    _, targets = guided(scenario, pool["train"])
    assert torch.equal(targets, targets.round().clamp(0, 10))


def test_certificates_are_computed_once_for_each_distinct_context(scenario, pool) -> None:
    scenario.certified = 0
    guided(scenario, pool["train"], 3000)
    foreign = SHARES["perturbed"] + 0.5 * SHARES["reshaped"]
    assert scenario.certified <= 40 + 3000 * (foreign + 0.05)


def test_kept_designs_are_not_certified_again_and_lead_to_the_same_targets(scenario, monkeypatch) -> None:
    pool = ContextPool.draw(scenario, {"train": 20}, 7)
    _, again = guided(scenario, pool["train"], 300)
    monkeypatch.setattr(type(scenario), "certified_together", 1)
    kept = ContextPool.draw(scenario, {"train": 20}, 7)
    before = scenario.certified
    _, targets = guided(scenario, kept["train"], 300)
    assert torch.equal(targets, again)
    assert scenario.certified - before < 300 * (SHARES["perturbed"] + 0.5 * SHARES["reshaped"] + 0.1)
    monkeypatch.setattr("aign.scenarios.core.variation.SHARES", {**dict.fromkeys(SHARES, 0.0), "exact": 1.0})
    before = scenario.certified
    guided(scenario, kept["train"], 300)
    assert scenario.certified == before


def test_only_exact_targets_leave_the_certified_designs(scenario, pool, monkeypatch) -> None:
    monkeypatch.setattr("aign.scenarios.core.variation.SHARES", {**dict.fromkeys(SHARES, 0.0), "exact": 1.0})
    drawn, targets = guided(scenario, pool["train"], 100)
    assert torch.equal(targets, drawn.values.round())


def reshaped(scenario, pool, monkeypatch, change, count=200):
    monkeypatch.setattr("aign.scenarios.core.variation.CONTEXT_NOISE", (1e-9, 1e-8))
    monkeypatch.setattr("aign.scenarios.core.variation.SHARES", {**dict.fromkeys(SHARES, 0.0), "reshaped": 1.0})
    monkeypatch.setattr("aign.scenarios.core.variation.RESHAPED", {**dict.fromkeys(RESHAPED, 0.0), change: 1.0})
    drawn, targets = guided(scenario, pool["train"], count)
    return drawn.values.round(), targets


def test_scaled_and_capped_targets_lie_below_their_origin(scenario, pool, monkeypatch) -> None:
    for change in ("scale", "cap"):
        origin, targets = reshaped(scenario, pool, monkeypatch, change)
        assert bool((targets <= origin).all())
        assert bool((targets < origin).any())
        if change == "cap":  # Values below the cap are kept, those above it are equal.
            for target, best in zip(targets, origin, strict=True):
                assert set(target[target < best].tolist()) <= {float(target.amax())}


def test_tilted_targets_are_powers_of_their_origin(scenario, pool, monkeypatch) -> None:
    monkeypatch.setattr(type(scenario), "admissible", lambda self, designs: designs)
    origin, targets = reshaped(scenario, pool, monkeypatch, "tilt")
    positive = (origin > 0).all(1)
    logs = [(values / values.mean(1, keepdim=True)).log() for values in (origin[positive], targets[positive])]
    centred = [log - log.mean(1, keepdim=True) for log in logs]
    exponent = (centred[0] * centred[1]).sum(1) / centred[0].square().sum(1)
    spread = centred[0].square().sum(1) > 1e-6
    torch.testing.assert_close((exponent[:, None] * centred[0])[spread], centred[1][spread], atol=1e-3, rtol=1e-3)
    assert TILT[0] - 0.01 < float(exponent[spread].min()) < 0.6
    assert 1.7 < float(exponent[spread].max()) < TILT[1] + 0.01


def test_only_possible_networks_are_certified(monkeypatch) -> None:
    market = registry.create("contract", types=3)
    contexts, certified = ContextPool.draw(market, {"train": 30}, 0)["train"], []
    certify = market.certify
    monkeypatch.setattr(market, "certify", lambda values: certified.append(values) or certify(values))
    solver_guided_targets(market, contexts, torch.Generator().manual_seed(0))
    assert len(certified) == 2  # the contexts themselves, and perturbed ones
    for values in certified:
        assert torch.equal(market.check_contexts(values), values)


def test_a_scenario_that_makes_impossible_networks_is_named(scenario, pool, monkeypatch) -> None:
    monkeypatch.setattr(scenario, "perturbed_contexts", lambda contexts, scale, generator: contexts - 11.0)
    with pytest.raises(ContextError, match=r"Scenario targets perturbs contexts .* target\[0\] = .*perturbed_contexts"):
        guided(scenario, pool["train"])


def test_optima_of_perturbed_problems_keep_users_in_place(scenario, monkeypatch) -> None:
    # With next to no noise, the optimum of the perturbed problem must be that of the given one, user by user, even
    # where contexts are not in canonical order (the fixture's certificate refuses those).
    monkeypatch.setattr("aign.scenarios.core.variation.CONTEXT_NOISE", (1e-7, 1e-6))
    monkeypatch.setattr("aign.scenarios.core.variation.SHARES", {**dict.fromkeys(SHARES, 0.0), "perturbed": 1.0})
    monkeypatch.setattr("aign.agents.targets.certified_designs", lambda scenario, contexts: torch.zeros(2, 3))
    values = torch.tensor([[1.2, 9.2, 4.2], [7.2, 2.2, 3.2]])
    contexts = ContextPool.draw(scenario, {"train": 2}, 0)["train"]
    given = type(contexts)(contexts.ids, values, contexts.reference, contexts.optimum, "train")
    targets = solver_guided_targets(scenario, given, torch.Generator().manual_seed(0))
    assert torch.equal(targets, values.round())


def test_works_where_designs_share_a_budget() -> None:
    network = registry.create("water-filling")
    contexts = ContextPool.draw(network, {"train": 50}, 0)["train"]
    drawn, targets = guided(network, contexts, 400)
    assert float(targets.sum(1).amax()) <= 3.0 + 1e-4
    quality = drawn.normalised(network.utility(drawn.values, targets)).numpy()
    assert np.mean(quality > 0.999) > 0.2
    assert np.mean(quality < 0.5) > 0.1


def test_raised_targets_lie_above_their_origin_by_a_share_of_a_heuristic(scenario, pool, monkeypatch) -> None:
    monkeypatch.setattr(type(scenario), "admissible", lambda self, designs: designs)
    origin, targets = reshaped(scenario, pool, monkeypatch, "floor")
    assert bool((targets >= origin).all())
    raised = targets > origin
    assert bool(raised.any())
    rules = [rule(torch.zeros(1, 3)) for rule in scenario.heuristics.values()]  # which ignore the context
    for target, changed in zip(targets, raised, strict=True):
        shares = [target[changed] / rule[0][changed] for rule in rules]
        constant = [share for share in shares if changed.any() and float(share.max() - share.min()) < 1e-5]
        assert not changed.any() or any(0.24 < float(share.max()) <= 1 for share in constant)
