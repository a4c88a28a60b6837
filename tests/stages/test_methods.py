import pytest
import torch
from smoke import POWER, WATER

from aign.agents.policy import SharedPolicy
from aign.designs.generation import generate
from aign.designs.settings import SamplingSettings
from aign.errors import ModelError
from aign.scenarios.core import registry
from aign.stages.evaluate import methods
from aign.trajectories.reader import TrajectoryStore


@pytest.fixture(params=[WATER, POWER])
def variant(request):
    return request.param


@pytest.fixture
def stored(smoke, variant):
    return TrajectoryStore.open(smoke.folder / "data/trajectories" / variant)


@pytest.fixture
def contexts(stored):
    return stored.scenario.draw_contexts(3, torch.Generator().manual_seed(9))


def test_the_diffuser_gives_its_best_ranked_design(water):
    contexts = water.scenario.draw_contexts(3, torch.Generator().manual_seed(9))
    settings = SamplingSettings(steps=5)
    designs = methods.diffuser(water, 4, settings, seed=2)(contexts)
    found = generate(water, contexts, (), 4, settings, 2)
    assert torch.equal(water.scenario.utility(contexts, designs), found.utility.amax(dim=1))


@pytest.mark.parametrize("name", ["sac", "ppo"])
def test_an_agent_acts_step_by_step_from_the_usual_start(smoke, variant, stored, contexts, name):
    scenario, folder = stored.scenario, smoke.folder / "data/agents" / variant
    designs = methods.policy(scenario, folder, name)(contexts)
    policy = SharedPolicy.load(folder / name)
    for row in range(len(contexts)):
        context = contexts[row:row + 1]
        state = scenario.initial_state(context)
        for time in range(scenario.horizon):
            state, _ = scenario.step(context, state, policy.act(scenario, context, state, time))
        torch.testing.assert_close(designs[row], state[0], rtol=1e-4, atol=1e-5)


def test_a_missing_agent_is_named(smoke, stored, variant):
    with pytest.raises(ModelError, match="dqn"):
        methods.policy(stored.scenario, smoke.folder / "data/agents" / variant, "dqn")


def test_memory_knows_final_designs_of_the_training_split_only(stored, contexts):
    scenario = stored.scenario
    rows = stored.rows("train")
    final = stored.gather("observations", rows)[:, -1, :scenario.state_size]
    best = [max(float(scenario.utility(context[None], design[None])) for design in final) for context in contexts]
    designs = methods.best_recorded(stored)(contexts)
    assert scenario.utility(contexts, designs).tolist() == pytest.approx(best, rel=1e-12)
    assert all((final == design).all(dim=1).any() for design in designs)


def test_without_learning_more_candidates_are_never_worse_when_they_contain_the_fewer(stored, contexts):
    scenario = stored.scenario
    few, many = (scenario.utility(contexts, methods.without_learning(scenario, count)(contexts)) for count in (4, 16))
    assert (many >= few).all()


def test_only_networks_that_tell_harm_are_said_to():
    assert not methods.masks_actions(registry.create("water-filling"))
    assert methods.masks_actions(registry.create("asp-selection", tasks=20, providers=4))


def test_guarded_chance_crashes_nobody_while_there_is_room_and_is_chance():
    scenario = registry.create("asp-selection", tasks=60, providers=20)
    contexts = scenario.draw_contexts(3, torch.Generator().manual_seed(1))
    first, again, other = (methods.guarded_chance(scenario, seed)(contexts) for seed in (1, 1, 2))
    assert (scenario.measure(contexts, first)["crashes"] == 0).all()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
