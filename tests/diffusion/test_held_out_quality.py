from types import SimpleNamespace

import numpy as np
import pytest
import torch

from aign.diffusion.plans import Plans, Sampling
from aign.diffusion.quality import TARGET_RETURN, HeldOut, held_out_quality, merit
from aign.diffusion.strategies import strategy_of


def stub(scenario, rule, asked=None):
    """A model whose designs follow a rule."""
    class Stub(SimpleNamespace):
        def __call__(self, contexts, returns, sampling, generator):
            if asked is not None:
                asked.append((returns, generator.initial_seed()))
            designs = rule(contexts)
            return Plans(designs[:, None], designs, designs, designs)

    return Stub(scenario=scenario, device=torch.device("cpu"), strategy=strategy_of(scenario), sampling=Sampling(),
                schedule=SimpleNamespace(steps=20))


def test_optimal_designs_score_one(scenario, held_out):
    quality = held_out_quality(stub(scenario, lambda gains: scenario.certify(gains).design), held_out, 0)
    assert quality == pytest.approx(dict.fromkeys(quality, 1.0), abs=1e-4)


def test_other_designs_score_what_their_utility_is_worth(scenario, held_out):
    quality = held_out_quality(stub(scenario, scenario.heuristics["equal_power"]), held_out, 0)
    gains = held_out.contexts.double().numpy()
    utility = np.log2(1 + gains * 3 / 4).sum(1)
    reference, optimum = held_out.reference.numpy(), held_out.optimum.numpy()
    assert quality["utility_ratio_mean"] == pytest.approx((utility / optimum).mean(), abs=1e-5)
    pooled = (utility - reference).sum() / (optimum - reference).sum()
    assert quality["normalised_return_pooled"] == pytest.approx(pooled, abs=1e-5)


def test_one_context_without_room_cannot_decide_the_pooled_return(scenario, held_out):
    """Where the reference is optimal a mean of normalised returns explodes; pooled, the context loses what it loses."""
    tight = HeldOut(held_out.contexts, held_out.reference.clone(), held_out.optimum)
    tight.reference[0] = held_out.optimum[0]
    quality = held_out_quality(stub(scenario, lambda gains: 0.9 * scenario.certify(gains).design), tight, 0)
    utility = scenario.utility(held_out.contexts, 0.9 * scenario.certify(held_out.contexts).design).numpy()
    reference, optimum = tight.reference.numpy(), tight.optimum.numpy()
    assert ((utility - reference) / np.maximum(optimum - reference, 1e-9 * (1 + optimum))).mean() < -1000
    assert quality["normalised_return_pooled"] == pytest.approx(
        (utility - reference).sum() / (optimum - reference).sum(), rel=1e-4)
    assert -5 < quality["normalised_return_pooled"] < 1


def test_where_no_context_has_room_the_held_out_loss_decides_which_model_is_kept(scenario, held_out):
    none = HeldOut(held_out.contexts, held_out.optimum.clone(), held_out.optimum)
    quality = held_out_quality(stub(scenario, scenario.heuristics["equal_power"]), none, 0)
    assert set(quality) == {"utility_ratio_mean"}
    assert merit({**quality, "held_out_loss": 0.25}) == -0.25
    assert merit({"normalised_return_pooled": -3.0, "held_out_loss": 0.25}) == -3.0


def test_each_context_gets_one_design_for_the_same_high_return(scenario, held_out, pipeline):
    asked = []
    held_out_quality(stub(scenario, scenario.heuristics["equal_power"], asked), held_out, 17)
    (returns, seed), = asked
    assert seed == 17
    assert torch.equal(returns, torch.full((len(held_out.contexts),), TARGET_RETURN))
    first, second, other = (held_out_quality(pipeline, held_out, seed) for seed in (3, 3, 4))
    assert first == second != other
