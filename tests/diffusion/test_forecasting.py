"""Futures of what nature decides, against odds that are known, and decisions by a critic over them."""

import dataclasses

import pytest
import torch
from sequential_models import SETTINGS, networks, trained

from aign.diffusion import fit, store
from aign.diffusion.examples import load
from aign.diffusion.forecasting import ForecastingUNet
from aign.diffusion.model import DesignModel
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


def test_plans_decide_where_no_futures_are_wanted(guessing, monkeypatch):
    contexts, _ = values(guessing.pipeline, 3)
    monkeypatch.setattr(type(guessing.pipeline), "forecast", None)
    sampling = dataclasses.replace(QUICK, futures=0)
    plans = guessing.pipeline(contexts, torch.ones(3), sampling=sampling, generator=torch.Generator().manual_seed(3))
    usual = RecedingHorizon().generate(guessing.pipeline, contexts, (), guessing.pipeline.conditions
                                       .request(torch.ones(3), ()), sampling, torch.Generator().manual_seed(3), True)
    assert torch.equal(plans.designs, usual.designs)


def test_every_second_design_is_planned_where_the_critic_does_not_heed_a_constraint(guessing, monkeypatch):
    contexts, limit = values(guessing.pipeline, 5)[0], parse(["right>=3"], guessing.scenario.labels)
    model, planned = type(guessing.pipeline), []
    plan = model.plan
    monkeypatch.setattr(model, "plan", lambda self, rows, *rest: planned.append(len(rows)) or plan(self, rows, *rest))
    plans, forecast = (guessing.pipeline(rows, torch.ones(len(rows)), constraints, sampling=QUICK,
                                         generator=torch.Generator().manual_seed(3))
                       for rows, constraints in ((contexts, limit), (contexts[::2], ())))
    assert torch.equal(plans.designs[::2], forecast.designs)
    assert torch.equal(plans.states[::2], forecast.states)
    assert planned == [2] * guessing.scenario.horizon
    assert torch.equal(plans.final, guessing.scenario.replay(contexts, plans.designs))
    alone = guessing.pipeline(contexts[:1], torch.ones(1), limit, sampling=QUICK)
    assert alone.designs.shape == plans.designs[:1].shape


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


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """A network in which something that nature decides is in no state: the time to the next arrival."""
    shape = SETTINGS.network.model_copy(update={"futures_channels": 16})
    settings = SETTINGS.model_copy(update={"futures_window": 5, "network": shape})
    return trained("asp-selection", tmp_path_factory.mktemp("tasks"), settings, tasks=24, providers=12)


def test_windows_hold_what_no_state_shows(tasks):
    """Each value stands where it is decided, behind those of the state; plans are as long as they were."""
    scenario, rows = tasks.pipeline.scenario, tasks.store.rows("train")[:3]
    examples = load(tasks.store, rows, 2, tasks.pipeline.normaliser, tasks.pipeline.conditions, futures=5)
    assert (examples.states.shape[1], examples.actions.shape[1], examples.nature.shape[1:]) == (3, 2, (6, 2))
    contexts = tasks.store.gather("context", rows)
    gaps = scenario.workload(contexts).arrivals.double().diff(dim=1)
    shares = 2.0 * gaps / (gaps + 1000.0) - 1.0
    windows = len(examples) // 3
    for row in range(3):
        for start in (0, 4, windows - 2):
            window = examples.nature[row * windows + start]
            torch.testing.assert_close(window[1:, 1].double(), shares[row, start:start + 5], rtol=0, atol=1e-6)
            assert torch.equal(window[:3, 0], examples.states[row * windows + start, :, -1])


def test_futures_are_of_both_kinds_and_decide(tasks):
    contexts = tasks.pipeline.scenario.draw_contexts(6, torch.Generator().manual_seed(9))
    states = tasks.pipeline.scenario.initial_state(contexts)[:, :tasks.pipeline.scenario.state_size]
    futures = tasks.pipeline.forecast(states, dataclasses.replace(QUICK, steps=10), torch.Generator().manual_seed(0))
    assert futures.shape == (6, 64, 5, 2)
    assert futures[..., 0].mean() == pytest.approx(0.7, abs=0.07)
    assert futures[..., 1].mean() == pytest.approx(0.4, abs=0.12)
    assert (futures.std(dim=(0, 1, 2)) > 0.08).all()
    plans = tasks.pipeline(contexts, torch.ones(6), sampling=QUICK, generator=torch.Generator().manual_seed(2))
    utility = tasks.pipeline.scenario.outcome(contexts, plans.final)[0]
    prophet = tasks.pipeline.scenario.heuristics["prophet"](contexts)
    assert utility.sum() > 0.97 * tasks.pipeline.scenario.utility(contexts, prophet).sum()


def test_a_model_that_was_trained_without_futures_decides_by_plans(tasks):
    contexts = tasks.pipeline.scenario.draw_contexts(2, torch.Generator().manual_seed(9))
    plain = DesignModel(tasks.pipeline.unet.plans, tasks.pipeline.inverse, tasks.pipeline.schedule,
                        tasks.pipeline.design)
    asked = {"sampling": dataclasses.replace(QUICK, futures=0), "generator": torch.Generator().manual_seed(2)}
    planned = tasks.pipeline(contexts, torch.ones(2), **asked)
    asked = {"sampling": QUICK, "generator": torch.Generator().manual_seed(2)}
    assert torch.equal(plain(contexts, torch.ones(2), **asked).designs, planned.designs)


def test_steps_of_futures_suit_the_network(tasks, matching):
    with pytest.raises(ParameterError, match="matching forecasts nothing"):
        fit.check(matching.scenario, SETTINGS.model_copy(update={"futures_window": 2}))
    with pytest.raises(ParameterError, match="futures_window = 25: allowed at most the 24 steps"):
        fit.check(tasks.pipeline.scenario, SETTINGS.model_copy(update={"futures_window": 25}))
