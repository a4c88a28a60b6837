import pytest
import torch

from aign.designs.settings import SamplingSettings
from aign.scenarios.core.constraints import Constraint
from studies.raw_samples import condition_mask, cycled, raw_designs
from studies.request_sets import StudyRequest

SETTINGS = SamplingSettings(guidance=1.0, compositional_guidance=False, steps=4, constrained_target_returns=(0.98, 0.9),
                            margins=(0.0, 0.2, 0.4))
GAINS = torch.tensor([2.8e-3, 3.5e-4])


def asked(*constraints):
    return StudyRequest("pair", 0, GAINS, constraints, (0.5,), 26.0, 25.0, True)


BUDGET, RATE = Constraint("total_power", "<=", 30.0), Constraint("min_rate", ">=", 12.0)
REQUESTS = [asked(BUDGET), asked(BUDGET, RATE), asked(RATE)]


def test_each_request_is_shown_its_own_constraints():
    expected = [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert condition_mask(REQUESTS).int().tolist() == expected


def test_values_are_cycled():
    assert cycled((1.0, 2.0, 3.0), 5).tolist() == [1, 2, 3, 1, 2]
    assert cycled((7.0,), 3).tolist() == [7, 7, 7]
    assert cycled((1.0, 2.0), 1).tolist() == [1]


def test_nothing_is_projected(power, monkeypatch):
    asked_for = []
    project = power.scenario.project

    def watch(contexts, designs, constraints=()):
        asked_for.append(tuple(constraints))
        return project(contexts, designs, constraints)

    monkeypatch.setattr(power.scenario, "project", watch)
    raw_designs(power, REQUESTS, 4, SETTINGS.model_copy(update={"projected_steps": 2}), seed=1)
    assert set(asked_for) == {()}


def spied(power, monkeypatch):
    """Every batch of conditions and what was visible of them."""
    seen = []
    forward = power.unet.forward

    def watch(noisy, times, known, wanted, visible):
        seen.append((wanted.clone(), visible.clone()))
        return forward(noisy, times, known, wanted, visible)

    monkeypatch.setattr(power.unet, "forward", watch)
    return seen


def test_one_batch_serves_different_requests(power, monkeypatch):
    seen = spied(power, monkeypatch)
    found = raw_designs(power, REQUESTS, 4, SETTINGS, seed=1)
    assert found.shape == (3, 4, 2)
    assert len(seen) == 4  # one pass a denoising step
    wanted, visible = seen[0]
    labels, rows = power.conditions, torch.arange(12).reshape(3, 4)
    budget, rate = labels.column("total_power"), labels.column("min_rate")
    assert visible[:, budget].reshape(3, 4).all(dim=1).tolist() == [True, True, False]
    assert visible[:, rate].reshape(3, 4).any(dim=1).tolist() == [False, True, True]
    assert bool(visible[:, 0].all())
    score = labels.score(budget - 1, torch.tensor(30.0))
    margins = torch.tensor([0.0, 0.2, 0.4, 0.0])
    asked_for = (score - margins).clamp(-4, 4).float()
    assert torch.allclose(wanted[rows[0], budget], asked_for)  # tighter means lower
    assert torch.allclose(wanted[rows[1], budget], asked_for)


def test_masked_designs_are_those_of_no_constraint_at_all(power, monkeypatch):
    seen = spied(power, monkeypatch)
    masked = raw_designs(power, REQUESTS, 4, SETTINGS, seed=1, conditioned=False)
    assert not any(bool(visible[:, 1:].any()) for _, visible in seen)
    free = raw_designs(power, [asked(), asked(), asked()], 4, SETTINGS, seed=1)
    assert torch.equal(masked, free)


def test_designs_are_whole_levels_repeat_with_the_seed_and_leave_the_model_as_it_was(power):
    first, again, other = (raw_designs(power, REQUESTS, 4, SETTINGS, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first, first.round().clamp(0, 40))


@pytest.mark.parametrize("count", [1, 600])
def test_many_candidates_go_in_several_batches(power, count):
    found = raw_designs(power, REQUESTS, count, SETTINGS, seed=0)
    assert found.shape == (3, count, 2)
