import numpy as np
import pytest
import torch

from aign.agents.scoring import score


def test_the_optimum_scores_one(scenario, pool) -> None:
    result = score(scenario, pool["test"], lambda values, states, time: scenario.action_towards(states, values.round()))
    assert result == pytest.approx({"utility_ratio_mean": 1, "utility_ratio_q05": 1, "normalised_return_pooled": 1})


def test_the_reference_scores_zero_and_doing_nothing_its_closed_form(scenario, pool) -> None:
    contexts = pool["test"]
    reference = score(scenario, contexts, lambda values, states, time: scenario.action_towards(
        states, torch.full_like(states, 5.0)))
    assert reference["normalised_return_pooled"] == pytest.approx(0.0, abs=1e-9)
    idle = score(scenario, contexts, lambda values, states, time: torch.zeros(len(values), 3))
    values = contexts.values.double().numpy()
    ratio = (100 - (values**2).sum(1)) / contexts.optimum.numpy()
    assert idle["utility_ratio_mean"] == pytest.approx(ratio.mean())
    assert idle["utility_ratio_q05"] == pytest.approx(np.quantile(ratio, 0.05))
