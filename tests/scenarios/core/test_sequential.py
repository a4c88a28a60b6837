"""Sequential scenarios: what a state keeps, and that replaying decisions gives the episode again."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sequences import Calls

from aign.agents.rollout import rollout
from aign.scenarios.core import registry
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.sequential import OPEN

KINDS = [Calls.create(), Calls.create(pointing=True, numbers=3, steps=5)]
BOTH = pytest.mark.parametrize("scenario", KINDS, ids=["choices", "values"])


def contexts(scenario, count=5, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def anything(scenario, count, seed=0):
    """Return a policy that acts at random."""
    generator = torch.Generator().manual_seed(seed)
    return lambda values, states, time: 2 * torch.rand(count, scenario.action_size, generator=generator) - 1


def play(scenario, given_contexts, seed=0):
    return rollout(scenario, given_contexts, anything(scenario, len(given_contexts), seed),
                   scenario.initial_state(given_contexts))


@BOTH
def test_a_first_state_holds_what_is_observed_and_open_decisions(scenario):
    start = scenario.initial_state(contexts(scenario))
    observed, totals, time, decisions = scenario.parts(start)
    assert torch.equal(observed[:, 0], contexts(scenario)[:, 0])
    assert (totals == 0).all()
    assert (time == 0).all()
    assert decisions.shape == (5, scenario.horizon, scenario.decision_size)
    assert (decisions == OPEN).all()
    assert torch.equal(start, scenario.initial_state(contexts(scenario), torch.Generator().manual_seed(1)))
    assert torch.equal(start, scenario.complete_state(contexts(scenario), observed))


@BOTH
def test_a_step_writes_its_decision_and_counts(scenario):
    values = contexts(scenario)
    states = scenario.initial_state(values)
    states, _ = scenario.step(values, states, scenario.calling(torch.tensor([0.0, 1, 2, 1, 0])))
    states, _ = scenario.step(values, states, scenario.calling(torch.tensor([2.0, 2, 0, 1, 1])))
    _, _, time, decisions = scenario.parts(states)
    assert (time == 2).all()
    assert scenario.called(decisions[:, 0]).tolist() == [0, 1, 2, 1, 0]
    assert scenario.called(decisions[:, 1]).tolist() == [2, 2, 0, 1, 1]
    assert (decisions[:, 2:] == OPEN).all()


@BOTH
@given(seed=st.integers(0, 2**31))
def test_replaying_the_decisions_gives_the_episode_again(scenario, seed):
    values = contexts(scenario, seed=seed)
    played = play(scenario, values, seed)
    design = scenario.design_of(played.final)
    assert torch.equal(scenario.replay(values, design), played.final)
    utility, labels = scenario.outcome(values, played.final)
    torch.testing.assert_close(utility, played.rewards.sum(1))
    hits = (scenario.called(design.unflatten(1, (scenario.horizon, -1))) == values).sum(1).double()
    assert torch.equal(labels["hits"], hits)
    assert torch.equal(scenario.utility(values, design), utility)
    assert torch.equal(scenario.measure(values, design)["hits"], hits)


@BOTH
def test_networks_at_different_times_do_not_disturb_each_other(scenario):
    values = contexts(scenario, 2)
    early = scenario.initial_state(values)
    late, _ = scenario.step(values, early, scenario.calling(torch.tensor([1.0, 1.0])))
    mixed = torch.stack([early[0], late[1]])
    action = scenario.calling(torch.tensor([2.0, 2.0]))
    following, rewards = scenario.step(values, mixed, action)
    first, second = scenario.step(values, early, action), scenario.step(values, late, action)
    assert torch.equal(following, torch.stack([first[0][0], second[0][1]]))
    assert rewards.tolist() == [first[1][0], second[1][1]]


@BOTH
def test_rules_are_heuristics_that_see_each_state(scenario):
    values = contexts(scenario)
    design = scenario.heuristics["up"](values)
    assert scenario.measure(values, design)["hits"].tolist() == [scenario.horizon] * 5
    assert scenario.heuristics.keys() == {"zero", "up"}
    assert torch.equal(scenario.heuristics["zero"](values), scenario.design_of_rule(scenario.rules["zero"], values))
    assert scenario.certify(values).utility.tolist() == scenario.utility(values, design).tolist()


@BOTH
def test_observations_are_state_fixed_part_and_clock(scenario):
    values = contexts(scenario)
    observations = play(scenario, values).observations
    up = torch.nn.functional.pad(values, (0, 1))
    assert torch.equal(observations[:, :, 0], up)
    assert torch.equal(observations[:, :, 1], values.amax(1, keepdim=True).expand_as(up))
    torch.testing.assert_close(observations[0, :, 2], torch.linspace(0, 1, scenario.horizon + 1))


@BOTH
def test_what_cannot_be_decided_is_brought_back(scenario):
    wild = torch.tensor([[-7.3, 9.4, 0.6]]).repeat(5, scenario.horizon * scenario.decision_size // 3 + 1)
    wild = wild[:, :scenario.horizon * scenario.decision_size]
    design = scenario.project(contexts(scenario), wild)
    low, high = (0, scenario.choices - 1) if scenario.choices is not None else (-1, 1)
    assert float(design.min()) == low
    assert float(design.max()) == high
    assert scenario.replay(contexts(scenario), design).shape == scenario.initial_state(contexts(scenario)).shape


@BOTH
def test_designs_keep_their_order_and_belong_to_no_part(scenario):
    values = contexts(scenario)
    design = scenario.heuristics["up"](values)
    same, index = scenario.canonical_order(values)
    assert torch.equal(same, values)
    assert torch.equal(design.gather(1, index), design)
    assert scenario.per_entity(values, design) == {}


def test_what_is_feasible_is_what_any_scenario_would_say_and_episodes_are_kept(monkeypatch):
    scenario = registry.create("queue-scheduling", slots=12)
    values = contexts(scenario, 3)
    usual = scenario.measure(values, scenario.certify(values).design)
    requests = [parse([f"{label.name}{sense}{factor * float(usual[label.name][0]) + shift}"], scenario.labels)
                for label in scenario.labels for sense, factor, shift in (("<=", 0.5, 0.0), (">=", 2.0, 0.5),
                                                                          (">=", 0.9, 0.0))]
    for request in requests:
        ours, usual_way = scenario.feasible(values, request), Scenario.feasible(scenario, values, request)
        assert torch.equal(ours.known, usual_way.known)
        assert torch.equal(ours.impossible, usual_way.impossible)
        assert torch.equal(ours.witness[ours.known], usual_way.witness[usual_way.known])
    replayed, replay = [], scenario.replay
    monkeypatch.setattr(scenario, "replay", lambda *arguments: replayed.append(1) or replay(*arguments))
    nobody = Certificate(torch.ones(3), torch.zeros(3, scenario.design_size), torch.zeros(3, dtype=torch.bool),
                         CertificateKind.UPPER_BOUND, "", impossible=torch.zeros(3, dtype=torch.bool))
    monkeypatch.setattr(scenario, "certify", lambda *arguments: nobody)
    beyond = parse([f"{scenario.labels[0].name}<=-1"], scenario.labels)
    scenario.feasible(values, beyond)
    replayed.clear()
    scenario.feasible(values, beyond)
    assert not replayed
    scenario.feasible(contexts(scenario, 3, seed=9), beyond)
    assert replayed
