"""Futures of what nature decides, against odds that are known, and decisions by a critic over them."""

import dataclasses

import pytest
import torch
from sequential_models import networks, trained

from aign.diffusion import store
from aign.diffusion.forecasting import ForecastingUNet
from aign.diffusion.plans import Sampling
from aign.diffusion.strategies import Forecasts, RecedingHorizon
from aign.errors import ParameterError
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.features import Feature
from aign.scenarios.core.forecasting import columns

STAY = 0.8
QUICK = Sampling(steps=4, futures=64)


@pytest.fixture(scope="module")
def guessing(tmp_path_factory):
    return trained("guessing", tmp_path_factory.mktemp("guessing"))


def values(pipeline, count=400):
    contexts = pipeline.scenario.draw_contexts(count, torch.Generator().manual_seed(9))
    return contexts, pipeline.scenario.initial_state(contexts)[:, :pipeline.scenario.state_size]


def test_futures_are_as_likely_as_nature_makes_them(guessing):
    """It stays in 4 of 5 cases at the first step, and in 0.8 0.8 + 0.2 0.2 of them at the second."""
    _, states = values(guessing.pipeline)
    futures = guessing.pipeline.forecast(states, QUICK, torch.Generator().manual_seed(0))
    assert futures.shape == (400, 64, 2, 1)
    same = (futures[..., 0] * states[:, None, None, 0] > 0).double().mean(dim=(0, 1))
    assert same[0] == pytest.approx(STAY, abs=0.1)
    assert same[1] == pytest.approx(0.68, abs=0.12)
    assert (futures.abs() - 1.0).abs().median() < 0.2


def test_futures_rest_on_what_nature_did_alone(guessing):
    """Neither what was decided nor what is asked for moves them; the temperature of plans does not either."""
    _, states = values(guessing.pipeline, 8)
    other = states.clone()
    other[:, 1] = 1.0
    first, second = (guessing.pipeline.forecast(rows, sampling, torch.Generator().manual_seed(1)) for rows, sampling in
                     ((states, QUICK), (other, dataclasses.replace(QUICK, temperature=0.1, guidance=5.0))))
    assert torch.equal(first, second)


def test_the_critic_decides_over_futures(guessing):
    """Guessing that the value stays is the best policy, and right in 4 of 5 cases."""
    assert isinstance(guessing.pipeline.strategy, Forecasts)
    contexts, _ = values(guessing.pipeline, 100)
    plans = guessing.pipeline(contexts, torch.ones(100), sampling=QUICK, generator=torch.Generator().manual_seed(2))
    stays = (contexts[:, :-1] > 0).float()
    assert (plans.designs == stays).double().mean() > 0.9
    assert torch.equal(plans.final, guessing.scenario.replay(contexts, plans.designs))
    assert guessing.history[-1]["held_out_forecast_loss"] < 1.0


def test_plans_decide_where_the_critic_heeds_no_constraint_or_no_futures_are_wanted(guessing, monkeypatch):
    contexts, _ = values(guessing.pipeline, 3)
    limit = parse(["right>=3"], guessing.scenario.labels)
    monkeypatch.setattr(type(guessing.pipeline), "forecast", None)
    for constraints, sampling in ((limit, QUICK), ((), dataclasses.replace(QUICK, futures=0))):
        plans = guessing.pipeline(contexts, torch.ones(3), constraints, sampling=sampling,
                                  generator=torch.Generator().manual_seed(3))
        usual = RecedingHorizon().generate(guessing.pipeline, contexts, constraints, guessing.pipeline.conditions
                                           .request(torch.ones(3), constraints), sampling,
                                           torch.Generator().manual_seed(3), True)
        assert torch.equal(plans.designs, usual.designs)


def test_no_decision_looks_ahead(guessing):
    contexts, _ = values(guessing.pipeline, 4)
    other = contexts.clone()
    other[:, 7:] *= -1
    first, second = (guessing.pipeline(rows, torch.ones(4), sampling=QUICK,
                                       generator=torch.Generator().manual_seed(0)).designs
                     for rows in (contexts, other))
    assert torch.equal(first[:, :7], second[:, :7])


def test_a_model_that_forecasts_is_saved_and_opened_alike(guessing, tmp_path):
    store.save(guessing.pipeline, tmp_path / "model", guessing.history)
    with networks():
        opened = store.load(tmp_path / "model")
        assert isinstance(opened.unet, ForecastingUNet)
        _, states = values(opened, 5)
        before, after = (pipeline.forecast(states, QUICK, torch.Generator().manual_seed(0))
                    for pipeline in (guessing.pipeline, opened))
    assert torch.equal(before, after)


def test_a_model_without_forecasts_says_so(matching):
    with pytest.raises(ParameterError, match="matching forecasts nothing"):
        matching.pipeline.forecast(torch.zeros(1, matching.scenario.state_size), QUICK)


def test_columns_are_found_by_the_names_of_features():
    features = (Feature("speed", "1", 0, 1, 2), Feature("queue", "1", 0, 1), Feature("past", "1", 0, 1, 2))
    assert columns(features, ("past", "speed")) == [0, 1, 3, 4]
    with pytest.raises(KeyError, match="buffer"):
        columns(features, ("buffer",))
