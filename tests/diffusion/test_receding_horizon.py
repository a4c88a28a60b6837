"""A diffuser that decides step by step, on networks whose best policy is known."""

import dataclasses

import pytest
import torch

from aign.diffusion.pipeline import Sampling
from aign.diffusion.receding_horizon import follow
from aign.errors import ContextError, ParameterError

QUICK = Sampling(steps=4)


def run(found, count=6, seed=0, harmless=True, **changes):
    contexts = found.pool["test"].values[:count]
    generator, sampling = torch.Generator().manual_seed(seed), dataclasses.replace(QUICK, harmless=harmless)
    return follow(found.pipeline, contexts, torch.ones(count), sampling=sampling, generator=generator, **changes)


@pytest.mark.parametrize("name", ["matching", "tracking"])
def test_an_episode_is_what_its_decisions_lead_to(request, name):
    """The path and the last state are those of replaying the decisions: nothing but actions changed the network."""
    found = request.getfixturevalue(name)
    done, scenario = run(found), found.scenario
    assert done.path.shape == (6, scenario.horizon + 1, scenario.state_size)
    contexts = found.pool["test"].values[:6]
    designs = scenario.design_of(done.final)
    assert torch.equal(scenario.replay(contexts, designs), done.final)
    for row in range(6):
        passed = scenario.path_of(contexts[row], designs[row], designs[row])
        assert torch.equal(passed[:, :scenario.state_size].float(), done.path[row])


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
    one, two = (follow(matching.pipeline, values, torch.ones(1), sampling=QUICK,
                       generator=torch.Generator().manual_seed(0)) for values in (contexts, other))
    designs = [matching.scenario.design_of(done.final) for done in (one, two)]
    assert torch.equal(designs[0][:, :middle], designs[1][:, :middle])
    assert not torch.equal(designs[0], designs[1])


def test_each_plan_starts_from_what_is_observed_then(matching, monkeypatch):
    given, told = [], []
    plan = type(matching.pipeline).plan

    def watched(self, contexts, states, *rest):
        given.append(states)
        return plan(self, contexts, states, *rest)

    monkeypatch.setattr(type(matching.pipeline), "plan", watched)
    done = run(matching, on_step=told.append)
    assert torch.equal(torch.stack(given, 1), done.path[:, :-1])
    assert told == list(range(1, matching.scenario.horizon + 1))


def test_the_seed_decides(matching):
    one, again, other = (run(matching, seed=seed).final for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_what_cannot_be_followed_is_refused(matching):
    with pytest.raises(ContextError, match=r"kind\[0\] = 9"):
        follow(matching.pipeline, torch.full((1, matching.scenario.horizon), 9.0), torch.ones(1))
    with pytest.raises(ParameterError, match="denoising steps 3"):
        follow(matching.pipeline, matching.pool["test"].values[:1], torch.ones(1), sampling=Sampling(steps=3))


def test_a_single_plan_is_no_design(matching):
    with pytest.raises(ParameterError, match="In matching decisions follow each other"):
        matching.pipeline(matching.pool["test"].values, torch.ones(6))


def test_no_choice_is_taken_that_the_network_says_does_harm_while_there_is_another(matching, monkeypatch):
    """Server 0 is never allowed, and in every fourth step nobody: then all are."""
    scenario, asked = matching.scenario, []
    count = scenario.horizon

    def action_mask(contexts, observed):
        asked.append(len(asked))
        mask = torch.full((len(observed), 4), len(asked) % 4 != 0)
        mask[:, 0] = False
        return mask

    monkeypatch.setattr(scenario, "action_mask", action_mask)
    decisions = scenario.design_of(run(matching).final)
    free = torch.arange(1, count + 1) % 4 == 0
    assert len(asked) == count
    assert (decisions[:, ~free] != 0).all()
    without = scenario.design_of(run(matching, harmless=False).final)
    assert len(asked) == count
    assert (without[:, ~free] == 0).any()
