"""Both strategies: whole plans, and a diffuser that decides step by step in networks whose best policy is known."""

import dataclasses

import pytest
import torch

from aign.diffusion.plans import Sampling
from aign.diffusion.strategies import RecedingHorizon, WholePlan, strategy_of
from aign.errors import ContextError, ParameterError

QUICK = Sampling(steps=4)


def run(data, count=6, seed=0, mask_actions=True, **changes):
    contexts = data.pool["test"].values[:count]
    generator, sampling = torch.Generator().manual_seed(seed), dataclasses.replace(QUICK, mask_actions=mask_actions)
    return data.pipeline(contexts, torch.ones(count), sampling=sampling, generator=generator, **changes)


def test_a_strategy_is_chosen_by_the_scenario(matching, pipeline):
    assert isinstance(matching.pipeline.strategy, RecedingHorizon)
    assert isinstance(pipeline.strategy, WholePlan)
    assert matching.pipeline.strategy is strategy_of(matching.scenario)


@pytest.mark.parametrize("name", ["matching", "tracking"])
def test_an_episode_is_what_its_decisions_lead_to(request, name):
    """The path and the last state are those of replaying the decisions: nothing but actions changed the network."""
    data = request.getfixturevalue(name)
    done, scenario = run(data), data.scenario
    assert done.states.shape == (6, scenario.horizon + 1, scenario.state_size)
    contexts = data.pool["test"].values[:6]
    designs = scenario.design_of(done.final)
    assert torch.equal(done.designs, designs)
    path, reached = data.pipeline.strategy.execute(data.pipeline, contexts, done)
    assert torch.equal(path, done.states)
    assert reached.all()
    assert torch.equal(scenario.replay(contexts, designs), done.final)
    for row in range(6):
        passed = scenario.path_of(contexts[row], designs[row], designs[row])
        assert torch.equal(passed[:, :scenario.state_size].float(), done.states[row])


def test_it_comes_near_the_best_policy_of_choices(matching):
    """One online run; servers in turn match a quarter of the tasks, and so does chance."""
    contexts = matching.pool["test"]
    matched = matching.scenario.outcome(contexts.values, run(matching).final)[0]
    assert contexts.normalised(matched).mean() > 0.5
    assert matching.history[-1]["normalised_return_pooled"] > 0.5


def test_it_comes_near_the_best_policy_of_numbers(tracking):
    contexts = tracking.pool["test"]
    utility = tracking.scenario.outcome(contexts.values, run(tracking).final)[0]
    assert contexts.normalised(utility).mean() > 0.3, "0 is to stand still, 1 to be on target"


def test_no_decision_looks_ahead(matching):
    """Two networks that are alike up to a time are decided alike up to then."""
    contexts = matching.pool["test"].values[:1]
    other, middle = contexts.clone(), matching.scenario.horizon // 2
    other[:, middle:] = (other[:, middle:] + 1) % 4
    designs = [matching.pipeline(values, torch.ones(1), sampling=QUICK,
                                 generator=torch.Generator().manual_seed(0)).designs for values in (contexts, other)]
    assert torch.equal(designs[0][:, :middle], designs[1][:, :middle])
    assert not torch.equal(designs[0], designs[1])


def test_each_plan_starts_from_what_is_observed_then(matching, monkeypatch):
    observed = []
    plan = type(matching.pipeline).plan

    def watched(self, contexts, states, *rest):
        observed.append(states)
        return plan(self, contexts, states, *rest)

    monkeypatch.setattr(type(matching.pipeline), "plan", watched)
    done = run(matching)
    assert torch.equal(torch.stack(observed, 1), done.states[:, :-1])


def test_the_seed_decides(matching):
    first, again, other = (run(matching, seed=seed).final for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_wrong_episodes_are_refused(matching):
    with pytest.raises(ContextError, match=r"kind\[0\] = 9"):
        matching.pipeline(torch.full((1, matching.scenario.horizon), 9.0), torch.ones(1))
    with pytest.raises(ParameterError, match="denoising steps 3"):
        matching.pipeline(matching.pool["test"].values[:1], torch.ones(1), sampling=Sampling(steps=3))


def test_evaluations_of_episodes_take_few_steps_that_divide_the_noise_steps(matching):
    usual = Sampling(temperature=0.9)
    taken = [RecedingHorizon().evaluation_sampling(usual, noise) for noise in (100, 9, 10, 7)]
    assert [sampling.steps for sampling in taken] == [4, 3, 2, 1]
    assert {sampling.temperature for sampling in taken} == {0.9}
    assert RecedingHorizon().evaluation_sampling(Sampling(steps=2), 100).steps == 2
    assert WholePlan().evaluation_sampling(usual, 100) == usual


def test_an_episode_has_no_projection(matching):
    projected, raw = (run(matching, project=project).designs for project in (True, False))
    assert torch.equal(projected, raw)


def test_no_choice_is_taken_that_the_network_says_does_harm_while_there_is_another(matching, monkeypatch):
    """Server 0 is never allowed, and in every fourth step nobody: then all are."""
    scenario, times = matching.scenario, []
    count = scenario.horizon

    def action_mask(contexts, observed):
        times.append(len(times))
        mask = torch.full((len(observed), 4), len(times) % 4 != 0)
        mask[:, 0] = False
        return mask

    monkeypatch.setattr(scenario, "action_mask", action_mask)
    decisions = scenario.design_of(run(matching).final)
    free = torch.arange(1, count + 1) % 4 == 0
    assert len(times) == count
    assert (decisions[:, ~free] != 0).all()
    without = scenario.design_of(run(matching, mask_actions=False).final)
    assert len(times) == count
    assert (without[:, ~free] == 0).any()
