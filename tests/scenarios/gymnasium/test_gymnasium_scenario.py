"""Other people's environments as scenarios, against the environments themselves."""

import gymnasium
import numpy as np
import pytest
import torch
import toy_worlds  # registers the toys
from gymnasium.utils.env_checker import check_env

from aign.agents.rollout import rollout
from aign.errors import ContextError, ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.environments import ScenarioEnv
from aign.trajectories.schema import arrow_schema

TOYS = {
    "Corridor": {"horizon": 7, "labels": {"slips": {"info": "slip", "how": "sum", "better": "lower"},
                                          "leaning": {"function": "toy_worlds:lean"},
                                          "depth": {"info": "deep.place", "how": "min", "unit": "m"}}},
    "Switches": {"horizon": 4, "rules": {"right": "toy_worlds:first"}},
    "Stubborn": {"seed_option": "config.seed"},
}


def toy(name, **more):
    return registry.create("gymnasium", environment=f"toy/{name}-v0", **{**TOYS[name], **more})


def contexts(scenario, count=5, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def actions(scenario, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(scenario.horizon, count, scenario.action_size, generator=generator) * 2 - 1


def played(scenario, values, seed=0):
    planned = actions(scenario, len(values), seed)
    return rollout(scenario, values, lambda c, s, time: planned[time], scenario.initial_state(values))


def directly(scenario, design, seed, **options):
    """Return what each step observes, and the rewards, of a design's decisions in the environment from Gymnasium."""
    env = gymnasium.make(scenario.parameters.environment, max_episode_steps=scenario.horizon, **options)
    seen, rewards, over = [env.reset(seed=seed)[0]], [], False
    for decision in design.numpy().reshape(scenario.horizon, -1):
        if not over:
            observation, reward, terminated, truncated, _ = env.step(scenario.actions.decode(decision))
            seen.append(observation)
            rewards.append(float(reward))
            over = terminated or truncated
    return np.array(seen), rewards


# --- episodes ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("environment", "horizon"), [("CartPole-v1", 40), ("Pendulum-v1", 12), ("Acrobot-v1", 10)])
def test_an_episode_is_that_of_the_environment_itself(environment, horizon):
    scenario = registry.create("gymnasium", environment=environment, horizon=horizon)
    values = contexts(scenario, 4)
    done = played(scenario, values)
    utility, labels = scenario.outcome(values, done.final)
    for row, design in enumerate(scenario.design_of(done.final)):
        seen, rewards = directly(scenario, design, int(values[row, 0]))
        steps = len(rewards)
        low, high = scenario._low.numpy(), scenario._high.numpy()
        shown = done.observations[row, :, :scenario.state_size]
        np.testing.assert_array_equal(shown[:steps + 1].numpy(), np.clip(seen.astype(np.float32), low, high))
        assert torch.equal(shown[steps:], shown[steps].expand(horizon + 1 - steps, -1))
        assert done.rewards[row].tolist() == rewards + [0.0] * (horizon - steps)
        assert float(utility[row]) == sum(rewards)
        assert float(labels["duration"][row]) == steps


@pytest.mark.parametrize("name", TOYS)
def test_replaying_the_decisions_gives_the_same_in_every_bit_in_any_company(name):
    scenario, fresh = toy(name), toy(name)
    values = contexts(scenario, 6)
    done = played(scenario, values)
    design = scenario.design_of(done.final)
    utility, labels = scenario.outcome(values, done.final)
    order = torch.tensor([3, 1, 5, 5, 0, 2, 4])
    assert torch.equal(fresh.utility(values[order], design[order]), utility[order])
    for label, measured in fresh.measure(values[order], design[order]).items():
        torch.testing.assert_close(measured, labels[label][order], rtol=0, atol=0, equal_nan=True)
    alone = torch.cat([fresh.replay(values[row:row + 1], design[row:row + 1]) for row in range(6)])
    torch.testing.assert_close(alone, done.final, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(scenario.effective_actions(done.actions.flatten(0, 1)), done.actions.flatten(0, 1))


def test_an_episode_that_ended_stays_as_it_is():
    scenario = toy("Corridor", horizon=12)
    values, right = contexts(scenario, 8), torch.tensor([[0.0, 0.0, 1.0]]).expand(8, 3)
    states, seen = scenario.initial_state(values), []
    for _ in range(12):
        states, rewards = scenario.step(values, states, right)
        seen.append((scenario.parts(states)[:2], rewards))
    over = [totals[:, 0] == 1 for (_, totals), _ in seen]
    assert over[-1].any()
    assert not over[0].all()
    for step in range(1, 12):
        before, ((old, totals), _), ((new, later), rewards) = over[step - 1], seen[step - 1], seen[step]
        assert over[step][before].all()
        assert (rewards[before] == 0).all()
        torch.testing.assert_close(new[before], old[before], rtol=0, atol=0)
        torch.testing.assert_close(later[before], totals[before], rtol=0, atol=0, equal_nan=True)


def test_networks_at_different_times_share_a_batch():
    scenario = toy("Switches")
    values = contexts(scenario, 3)
    first = scenario.initial_state(values)
    later, _ = scenario.step(values, first, actions(scenario, 3)[0])
    mixed = torch.stack([first[0], later[1], first[2]])
    states, rewards = scenario.step(values, mixed, actions(scenario, 3)[1])
    for row in range(3):
        alone, reward = scenario.step(values[row:row + 1], mixed[row:row + 1], actions(scenario, 3)[1, row:row + 1])
        assert torch.equal(states[row:row + 1], alone)
        assert torch.equal(rewards[row:row + 1], reward)


# --- labels, rules, certificates --------------------------------------------------------------------------------------
def test_labels_are_those_the_parameters_ask_for():
    scenario = toy("Corridor")
    assert [(label.name, label.unit, label.better) for label in scenario.labels] == [
        ("depth", "m", "higher"), ("leaning", "1", "higher"), ("slips", "1", "lower")]
    values = contexts(scenario)
    done = played(scenario, values)
    labels = scenario.outcome(values, done.final)[1]
    assert labels["leaning"].tolist() == [float((row == 2).sum()) for row in scenario.design_of(done.final)]
    assert [label.name for label in toy("Switches").labels] == ["duration"]


def test_a_rule_of_the_users_decides_from_what_is_observed():
    scenario = toy("Switches")
    values = contexts(scenario, 8)
    utility = {name: scenario.utility(values, rule(values)) for name, rule in scenario.heuristics.items()}
    assert list(utility) == ["random", "constant", "right"]
    assert (utility["right"] == 2 * 4).all()
    assert (utility["constant"] < 8).any()


def test_the_reference_is_the_mean_of_chance():
    scenario = toy("Switches", repeats=60)
    values = contexts(scenario, 3)
    expected = 4 * (1 / 2 + 1 / 3)
    assert scenario.reference_utility(values).mean() == pytest.approx(expected, abs=0.4)
    assert torch.equal(scenario.reference_utility(values)[1:2], scenario.reference_utility(values[1:2]))


def test_a_stated_optimum_is_the_bound_and_is_said_to_be_stated():
    values = contexts(toy("Switches"), 4)
    stated = toy("Switches", optimum=8.0).certify(values)
    assert (stated.kind, stated.utility.tolist()) == (CertificateKind.UPPER_BOUND, [8.0] * 4)
    assert "stated" in stated.statement
    assert not stated.proven_infeasible.any()
    found = toy("Switches").certify(values)
    assert found.kind is CertificateKind.BEST_KNOWN
    assert torch.equal(found.utility, toy("Switches").utility(values, found.design))


def test_constraints_hold_for_the_best_known_where_it_is_called_feasible():
    scenario = toy("Corridor", rollouts=10)
    values = contexts(scenario, 6)
    constraints = parse(["leaning<=1"], scenario.labels)
    found = scenario.certify(values, constraints)
    assert found.feasible.all()
    assert (scenario.measure(values, found.design)["leaning"] <= 1).all()
    assert (found.utility < scenario.certify(values).utility).any()
    impossible = scenario.certify(values, parse(["leaning>=99"], scenario.labels))
    assert not impossible.feasible.any()
    assert impossible.utility.isnan().all()
    assert not impossible.proven_infeasible.any()


# --- several decision makers ------------------------------------------------------------------------------------------
def test_decision_makers_see_their_own_run_the_mean_and_the_time():
    scenario = registry.create("gymnasium", environment="toy/Corridor-v0", horizon=3)
    values = contexts(scenario)
    assert scenario.agent_observations(values, scenario.initial_state(values), 1).shape == (5, 1, 4)
    with pytest.raises(ParameterError, match="agents: given 2, but 2 observed values and 5 action values cannot be"):
        toy("Switches", agents=2)
    with pytest.raises(ParameterError, match="of one choice"):
        toy("Corridor", agents=3)


def test_equal_runs_are_cut_in_order():
    gymnasium.register("toy/Twins-v0", entry_point=lambda: Twins(), max_episode_steps=4)
    scenario = registry.create("gymnasium", environment="toy/Twins-v0", agents=2)
    values = contexts(scenario, 3)
    states = scenario.initial_state(values)
    seen = scenario.agent_observations(values, states, 2)
    assert seen.shape == (3, 2, 3)
    torch.testing.assert_close(seen[:, :, 0], states[:, :2].float())
    torch.testing.assert_close(seen[:, :, 1], states[:, :2].float().mean(1, keepdim=True).expand(-1, 2))
    assert (seen[:, :, 2] == 0.5).all()
    _, rewards = scenario.step(values, states, torch.zeros(3, 4))
    assert torch.equal(scenario.agent_rewards(values, states, states, rewards), rewards.float()[:, None].expand(3, 2))


class Twins(toy_worlds.Switches):
    """Two switches of two positions."""

    def __init__(self):
        super().__init__()
        self.action_space = gymnasium.spaces.MultiDiscrete([2, 2])


# --- contexts, and what is refused ------------------------------------------------------------------------------------
def test_contexts_are_seeds():
    scenario = toy("Switches")
    drawn = contexts(scenario, 500)
    assert torch.equal(drawn, drawn.round())
    assert 0 <= drawn.min() <= drawn.max() < 2**24
    assert len(drawn.unique()) > 495
    assert torch.equal(scenario.check_contexts(torch.tensor([7.0])), torch.tensor([[7.0]]))
    for wrong in ([0.5], [-1.0], [2.0**24]):
        with pytest.raises(ContextError, match=r"whole number|allowed"):
            scenario.check_contexts(torch.tensor(wrong))


@pytest.mark.parametrize(("given", "said"), [
    ({"environment": "Pendulem-v1"}, "Pendulum-v1"),
    ({"environment": "toy/Switches-v0"}, "horizon: toy/Switches-v0 is registered without a limit of steps; give one"),
    ({"environment": "toy/Reader-v0"}, "cannot be flattened"),
    ({"environment": "toy/Boundless-v0"}, "Box with finite bounds"),
    ({"environment": "toy/Stubborn-v0"}, "same for every seed"),
    ({"environment": "toy/Switches-v0", "horizon": 3, "options": {"noise": "global"}}, "goes differently"),
    ({"environment": "toy/Corridor-v0", "labels": {"utility": {"info": "slip"}}}, "'utility' is the name of"),
    ({"environment": "toy/Corridor-v0", "rules": {"random": "toy_worlds:first"}}, "'random' exists already"),
    ({"environment": "toy/Corridor-v0", "labels": {"x": {"info": "slop"}}}, "info holds no 'slop'; it holds 'slip', "),
    ({"environment": "toy/Corridor-v0", "labels": {"x": {}}}, "labels.x: .*either info"),
    ({"environment": "toy/Corridor-v0", "rules": {"x": "no function"}}, "rules.x: "),
    ({"module": "no_such_module"}, "no_such_module"),
])
def test_what_cannot_be_a_scenario_is_refused_at_once(given, said):
    with pytest.raises(ParameterError, match=said):
        registry.create("gymnasium", **given)


def test_a_fault_of_one_seed_is_told_with_the_seed_that_shows_it():
    scenario = registry.create("gymnasium", environment="toy/Rare-v0")
    rule = scenario.rules["random"]
    scenario.rollout(rule, torch.tensor([[7.0], [99.0]]))
    with pytest.raises(ParameterError, match=r"environment: toy/Rare-v0, step 2 with seed 123: raised RuntimeError: "
                                             r"overload \(toy_worlds.py, line \d+\)"):
        scenario.rollout(rule, torch.tensor([[7.0], [123.0]]))


@pytest.mark.parametrize("name", TOYS)
def test_wrapped_again_it_is_a_gymnasium_environment(name):
    scenario = toy(name)
    check_env(ScenarioEnv(scenario), skip_render_check=True)
    env = ScenarioEnv(scenario)
    first, info = env.reset(seed=3)
    seed = int(info["context"][0])
    planned, rewards = actions(scenario, 1), []
    for action in planned[:, 0]:
        rewards.append(env.step(action.numpy() if scenario.choices is None else int(action.argmax()))[1])
    design = scenario.design_of(played(scenario, torch.tensor([[float(seed)]])).final)[0]
    options = {"config": {"kept": 1, "seed": seed}} if name == "Stubborn" else {}
    expected = directly(scenario, design, seed, **options)[1]
    assert rewards == expected + [0.0] * (scenario.horizon - len(expected))
    assert env.observation_space.contains(first)


@pytest.mark.parametrize("name", TOYS)
def test_a_specification_builds_it_again(name):
    scenario = toy(name)
    again = registry.create(**scenario.spec())
    assert again.spec() == scenario.spec()
    assert again.observation_features == scenario.observation_features


def test_no_label_can_take_the_name_of_another_column():
    for name in set(arrow_schema(toy("Switches")).names) - {"duration"}:
        with pytest.raises(ParameterError, match=f"'{name}' is the name of another column"):
            toy("Switches", labels={name: {"info": "hits"}})


def test_the_order_in_which_labels_and_rules_are_listed_means_nothing():
    rules = {"b": "toy_worlds:first", "a": "toy_worlds:first"}
    one = toy("Corridor", rules=rules)
    labels = dict(reversed(TOYS["Corridor"]["labels"].items()))
    other = toy("Corridor", labels=labels, rules=dict(reversed(rules.items())))
    assert one.labels == other.labels
    assert one.spec() == other.spec()
    assert list(one.heuristics) == list(other.heuristics) == ["random", "constant", "a", "b"]
