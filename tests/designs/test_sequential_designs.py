"""Generation, tables and explanations in sequential scenarios."""

import json

import pytest
import torch

from aign.designs.answer import answer
from aign.designs.baselines import recorded
from aign.designs.diversity import measure, nearest
from aign.designs.explanation import explain
from aign.designs.generation import binding, generate
from aign.designs.requests import Request
from aign.designs.settings import SamplingSettings
from aign.diffusion.plans import Sampling
from aign.scenarios.core.constraints import parse

QUICK = SamplingSettings(steps=4)


@pytest.fixture(scope="module")
def found(matching):
    return generate(matching.pipeline, matching.pool["test"].values, (), 3, QUICK, seed=1)


def test_candidates_are_whole_episodes_best_first(matching, found):
    scenario, contexts = matching.scenario, matching.pool["test"].values
    assert found.designs.shape == (6, 3, scenario.horizon)
    assert found.paths.shape == (6, 3, scenario.horizon + 1, scenario.state_size)
    for rank in range(3):
        assert torch.equal(found.utility[:, rank], scenario.utility(contexts, found.designs[:, rank]))
        labels = scenario.measure(contexts, found.designs[:, rank])
        assert all(torch.equal(found.labels[name][:, rank], value) for name, value in labels.items())
    assert (found.utility.diff(dim=1) <= 0).all()
    assert bool(found.reached.all())
    assert torch.equal(found.feasible, found.raw_feasible)


def test_constraints_hold_of_the_whole_episode_and_decide_the_rank(matching):
    scenario, contexts = matching.scenario, matching.pool["test"].values
    where = parse(["to_first<=2"], scenario.labels)
    found = generate(matching.pipeline, contexts, where, 4, QUICK, seed=2)
    assert torch.equal(found.feasible, found.labels["to_first"] <= 2)
    assert (found.feasible.int().diff(dim=1) <= 0).all()


def test_a_draft_episode_says_which_constraints_to_condition_on(matching):
    contexts = matching.pool["test"].values
    where = parse(["matched<=0", "matched>=0"], matching.scenario.labels)
    mask = binding(matching.pipeline, contexts, where, Sampling(steps=4), torch.Generator().manual_seed(0))
    assert mask.tolist() == [[True, False]] * 6


def test_recorded_designs_are_the_decisions_taken(matching, tracking):
    for data in (matching, tracking):
        rows = data.store.rows("train")
        designs, contexts = recorded(data.store, rows), data.store.gather("context", rows)
        assert torch.equal(data.scenario.utility(contexts, designs), data.store.gather("utility", rows))


def test_distances_between_choices_count_the_decisions_that_differ(matching):
    designs = torch.zeros(3, 12)
    designs[1, :3], designs[2, :2] = 3.0, 1.0
    recorded_designs = torch.zeros(1, 12)
    figures = measure(matching.scenario, designs, torch.ones(3), torch.ones(3, dtype=torch.bool), recorded_designs)
    assert (figures.distinct, figures.least_distance, figures.novelty) == (3, 2.0, [0.0, 3.0, 2.0])
    assert figures.mean_distance == pytest.approx((3 + 2 + 3) / 3)
    assert figures.mean_normalised == pytest.approx((3 + 2 + 3) / 3 / 12)
    assert nearest(designs, recorded_designs, 0.0).tolist() == [0.0, 3.0, 2.0]


def test_the_path_of_an_explanation_adds_up_decision_by_decision(matching):
    scenario, context = matching.scenario, matching.pool["test"].values[0]
    design = context.clone()
    design[3:] = (context[3:] + 1) % 4
    told = explain(scenario, context, (), design, scenario.path_of(context, design, design),
                   scenario.certify(context[None]))
    assert told.utility == [0, 1, 2, 3] + [3] * 9
    assert told.settled == list(range(1, 13))
    assert told.sentences() == ["Path: utility 0 at the start, 3 half way, 3.0000 at the end."]
    assert told.entities == ()
    beside = explain(scenario, context, (), scenario.certify(context[None]).design[0],
                     scenario.path_of(context, design, design), scenario.certify(context[None]))
    assert beside.sentences() == ["Path: utility 0 at the start, 3 half way, 3.0000 at the end. It ends beside the "
                                  "design, whose utility is 12.0000."]


def test_nobody_in_particular_pays_for_a_constraint(matching):
    scenario, context = matching.scenario, matching.pool["test"].values[0]
    where = parse(["matched>=1"], scenario.labels)
    told = explain(scenario, context, where, context, scenario.path_of(context, context, context),
                   scenario.certify(context[None], where))
    assert told.entities == ()
    assert "matched>=1 is slack" in told.sentences()[0]


@pytest.mark.parametrize("name", ["matching", "tracking"])
def test_an_answer_is_written_with_pictures_of_whole_states(request, tmp_path, name):
    data = request.getfixturevalue(name)
    memory = recorded(data.store, data.store.rows("train"))
    found = answer(data.pipeline, Request(count=2, seed=3).resolve(data.scenario), QUICK, 1, memory)
    paths = found.save_all(tmp_path / "one")
    assert {path.suffix for path in paths} == {".json", ".parquet", ".png"}
    content = json.loads((tmp_path / "one.json").read_text())
    assert all("path" not in row and len(row["design"]) == data.scenario.horizon for row in content["designs"])
    assert content["designs"][0]["utility"] == float(found.candidates.utility[0, 0])
    assert content["explanation"]["path_utility"][-1] == pytest.approx(content["designs"][0]["utility"])
    if name == "matching":
        assert found.caption()[-1].endswith(" decisions.")
        assert found.rows()[0]["gap"] == pytest.approx(1 - found.rows()[0]["utility"] / 12)
    else:
        assert found.rows()[0]["gap"] is None, "an optimum of 0 has no relative gap"
        assert found.rows()[0]["normalised_return"] is not None
    assert len(found.spread(2).rows()) <= 2
