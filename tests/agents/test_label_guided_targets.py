import math
from itertools import product

import pytest
import torch
from sequences import Calls

from aign.agents import targets
from aign.agents.targets import MOST_LABELS, WEIGHT, label_guided_targets, spreads, weights
from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Label
from aign.trajectories.contexts import ContextPool


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def guided(scenario, contexts, monkeypatch, weight):
    """Targets at the very end of the search, for the same weights of utility and labels everywhere."""
    monkeypatch.setattr(targets, "SHARE", (1.0, 1.0))
    monkeypatch.setattr(targets, "weights", lambda scenario, contexts, optima, generator: torch.tensor(
        [weight], dtype=torch.float64).expand(len(contexts), -1))
    return label_guided_targets(scenario, contexts, seeded())


def weighed(scenario, contexts, designs, weight):
    values = scenario.measure(contexts, designs)
    return scenario.utility(contexts, designs) + weight[1] * values["total"] + weight[2] * values["peak"]


@pytest.mark.parametrize("price", [0.0, 1.5, 6.0])
def test_without_a_bound_each_user_gives_up_half_the_price(scenario, pool, monkeypatch, price) -> None:
    # max -(x - c)^2 - price * x has its optimum at c - price / 2, user by user.
    contexts = pool["train"]
    targets = guided(scenario, contexts, monkeypatch, [1.0, -price, 0.0])
    best = (contexts.values.double() - price / 2).round().clamp(0, 10)
    same = weighed(scenario, contexts.values, best, [1.0, -price, 0.0])
    torch.testing.assert_close(weighed(scenario, contexts.values, targets, [1.0, -price, 0.0]), same)


def test_the_search_comes_near_the_best_of_all_designs(scenario, pool, monkeypatch) -> None:
    grid = torch.tensor(list(product(range(11), repeat=3)), dtype=torch.float32)
    contexts, weight = pool["train"], [1.0, -1.0, -20.0]
    targets = guided(scenario, contexts, monkeypatch, weight)
    found = weighed(scenario, contexts.values, targets, weight)
    start = weighed(scenario, contexts.values, contexts.values.round(), weight)
    best = torch.stack([weighed(scenario, context.expand(len(grid), -1), grid, weight).max()
                        for context in contexts.values])
    assert bool((found >= start).all())
    # The highest level counts only once, so two users at the top have to come down together, which a move may miss.
    assert float((found - start).sum()) > 0.9 * float((best - start).sum())


def test_targets_lie_between_the_optimum_and_the_end_of_the_search(scenario, pool, monkeypatch) -> None:
    contexts, weight = pool["train"].sample(400, seeded(1)), [1.0, -8.0, 0.0]
    far = guided(scenario, contexts, monkeypatch, weight)
    monkeypatch.setattr(targets, "SHARE", (0.25, 1.0))
    near = label_guided_targets(scenario, contexts, seeded())
    origin = contexts.values.round()
    moved = (far - origin).abs().sum(1)
    share = (near - origin).abs().sum(1)[moved > 6] / moved[moved > 6]
    assert torch.equal(near, scenario.admissible(near))
    assert 0.05 < float(share.min()) < 0.4
    assert 0.9 < float(share.max()) <= 1.0


def test_weights_favour_the_better_side_of_a_few_labels(scenario, pool) -> None:
    contexts = pool["train"].sample(2000, seeded(1))
    optima = contexts.values.round()
    found = weights(scenario, contexts, optima, seeded())
    assert torch.equal(found[:, 0], torch.ones(2000, dtype=torch.float64))
    worth = (contexts.optimum - contexts.reference)[:, None]
    relative = found[:, 1:] * spreads(scenario, contexts.values, optima) / worth
    used = relative != 0
    assert bool((relative[used] < 0).all())  # both labels are better lower
    assert WEIGHT[0] <= float(-relative[used].max()) < 1.2 * WEIGHT[0]
    assert 0.8 * WEIGHT[1] < float(-relative[used].min()) <= WEIGHT[1]
    assert abs(float((-relative[used]).log().mean()) - math.log(WEIGHT[0] * WEIGHT[1]) / 2) < 0.1
    counts = used.sum(1)
    assert set(counts.tolist()) == set(range(1, min(MOST_LABELS, 2) + 1))
    assert abs(float((counts == 1).double().mean()) - 0.5) < 0.05


def test_a_label_no_rule_changes_weighs_nothing(scenario, pool, monkeypatch) -> None:
    monkeypatch.setattr(type(scenario), "labels", (*scenario.labels, Label("users", "1", "higher", "Their number.")))
    plain = type(scenario).measure
    monkeypatch.setattr(type(scenario), "measure", lambda self, contexts, designs: {
        "users": torch.full((len(designs),), 3.0, dtype=torch.float64), **plain(self, contexts, designs)})
    contexts = pool["train"].sample(100, seeded(1))
    found = weights(scenario, contexts, contexts.values.round(), seeded())
    assert bool((found[:, 3] == 0).all())
    assert bool((found[:, 1:3] != 0).any(dim=0).all())


def test_designs_that_share_a_budget_keep_it() -> None:
    network = registry.create("water-filling")
    contexts = ContextPool.draw(network, {"train": 50}, 0)["train"].sample(100, seeded())
    designs = label_guided_targets(network, contexts, seeded())
    assert float(designs.sum(1).amax()) <= 3.0 + 1e-4
    assert float(contexts.normalised(network.utility(contexts.values, designs)).min()) < 0.9


def test_decisions_that_follow_each_other_are_refused() -> None:
    network = Calls.create(steps=5, numbers=4)
    contexts = ContextPool.draw(network, {"train": 4}, 0)["train"]
    with pytest.raises(ParameterError, match=r"sources\.label_guided.*calls.*Allowed: 0"):
        label_guided_targets(network, contexts, seeded())
