"""Surveys of futures: inequalities that hold for every matrix, learned proposals, plans that an own router accepts."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from flow_program import least_cost
from small_networks import drawn, routed

from aign.errors import ModelError, ParameterError
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning import single_layer
from aign.scenarios.ip_optical_planning.solver.instance import Failures
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck
from aign.scenarios.ip_optical_planning.survey import model
from aign.scenarios.ip_optical_planning.survey.futures import Spread, read
from aign.scenarios.ip_optical_planning.survey.library import Bound, Library, distances, grow
from aign.scenarios.ip_optical_planning.survey.planner import Planner
from aign.scenarios.ip_optical_planning.survey.results import surveyed
from aign.scenarios.ip_optical_planning.survey.rounding import fitted, proposal

POSITION = np.array([[0.0, 0], [1, 0], [2, 0], [2, 1], [1, 1], [0, 1]])
ENDS = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [1, 4]])
PAIRS = np.array([[0, 2], [0, 3], [1, 3], [1, 5], [2, 5]])
LADDER = Topology("ladder", tuple("ABCDEF"), POSITION, ENDS, np.array([10.0, 14, 9, 12, 11, 8, 20]) * 100, PAIRS,
                  np.array([3.0, 5.0, 2.0, 4.0, 6.0]))


def ladder():
    return single_layer.instance(LADDER, single_layer.traffic_of(LADDER), 4.0)[0]


@cache
def trained(tmp):
    return model.train(tmp / "model", LADDER, ladder(), Spread(), 0, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("survey")


@pytest.mark.parametrize("seed", range(8))
def test_inequalities_learned_from_one_matrix_hold_for_others(seed):
    instance = drawn(seed, "links")
    if not instance.single or least_cost(instance) is None:
        pytest.skip("no plan, or no failure")
    library = Library(instance)
    random = np.random.default_rng(seed)
    grow(library, instance.demand, random, 5)
    for modules in (1.0, 2.0):  # what routing says of plans that are too small
        library.learn(RoutingCheck(instance).verdict(np.full(instance.links, modules)))
    factors = random.uniform(0.3, 1.1, instance.demand.shape)
    other = replace(instance, demand=instance.demand * (factors + factors.T) / 2)
    cost = least_cost(other)
    low = library.lows(other)
    assert Bound(library).solve(low)[1] <= cost + 1e-6
    plans = np.random.default_rng(seed).integers(0, 4, (100, instance.links)).astype(float)
    carried = [plan for plan in plans if all(routed(other, plan, scenario) for scenario in range(other.scenarios))]
    for plan in carried:
        assert (library.matrix @ plan >= low - 1e-6).all()
    assert carried or cost > 0


def test_distances_are_those_of_the_links_that_work():
    instance = ladder()
    lengths = np.arange(1.0, 8.0)
    assert distances(instance, lengths, 0)[0, 3] == 1 + 2 + 3  # by B and C
    cut = 1 + instance.failures.dead[:, 1].argmax()
    assert distances(instance, lengths, cut)[0, 3] == 1 + 7 + 4  # by B and E


def test_a_library_wants_failures_of_single_links():
    instance = ladder()
    with pytest.raises(ParameterError, match="failures of single links"):
        Library(replace(instance, failures=Failures.of_groups([(0, 1)], instance.links)))


def test_solved_plans_carry_everything_and_a_resumed_training_is_the_same(folder):
    learned = trained(folder)
    instance = ladder()
    for demand, plan in zip(learned.solved.demand, learned.solved.plan, strict=True):
        future = replace(instance, demand=demand)
        assert all(routed(future, plan, scenario) for scenario in range(future.scenarios))
    model.train(folder / "again", LADDER, instance, Spread(), 0, 5)
    resumed = model.train(folder / "again", LADDER, instance, Spread(), 0, 8)
    assert np.array_equal(resumed.solved.plan, learned.solved.plan)
    assert np.array_equal(resumed.solved.library.matrix, learned.solved.library.matrix)
    loaded = model.load(folder / "again", LADDER, instance)
    matrix = loaded.planner().open(Spread().drawn(LADDER, 99, 1))
    assert np.array_equal(loaded.proposal(matrix), learned.proposal(matrix))


def test_rounding_is_learned():
    instance = ladder()
    random = np.random.default_rng(0)
    relaxed = random.uniform(0, 3, (60, instance.links))
    demand = np.stack([Spread().drawn(LADDER, number, 0) for number in range(60)])
    plan = np.where(np.arange(instance.links) < 3, np.ceil(relaxed), np.floor(relaxed))  # a rule that chance misses
    network = fitted(instance, demand[:40], relaxed[:40], plan[:40])
    right = np.mean([proposal(network, instance, demand[row], relaxed[row], 0.5) == plan[row] for row in range(40, 60)])
    assert right > 0.9
    assert right > np.mean(np.floor(relaxed[40:] + 0.5) == plan[40:]) + 0.2


def test_every_plan_of_a_survey_carries_its_matrix_in_every_failure(folder):
    learned = trained(folder)
    matrices = [Spread().drawn(LADDER, number, 7) for number in range(10)]
    result = surveyed(learned, LADDER, list(map(str, range(10))), matrices.__getitem__)
    assert result.planned.all()
    instance = ladder()
    for plan, demand, cost, bound in zip(result.plan, matrices, result.cost, result.bound, strict=True):
        future = replace(instance, demand=demand)
        assert all(routed(future, plan, scenario) for scenario in range(future.scenarios))
        assert bound <= cost + 1e-6
        assert cost == pytest.approx(plan @ instance.price)
    links = result.links().to_pylist()
    assert links[0]["needed"] == np.mean(result.plan[:, 0] > 0)
    assert sum(row["mean"] for row in links) == pytest.approx(result.plan.sum(1).mean())
    assert all((result.plan[:, link] <= row["q95"]).mean() >= 0.95 for link, row in enumerate(links))


def test_a_model_of_something_else_or_damaged_is_refused(folder):
    trained(folder)
    other = single_layer.instance(LADDER, single_layer.traffic_of(LADDER), 5.0)[0]
    with pytest.raises(ModelError, match=r"options \(price, module differ"):
        model.load(folder / "model", LADDER, other)
    with pytest.raises(ModelError, match=r"options \(common differ"):
        model.train(folder / "model", LADDER, ladder(), Spread(common=(1.0, 2.0)), 0, 9)
    with pytest.raises(ModelError, match="nothing was learned"):
        model.load(folder / "none", LADDER, ladder())
    model.train(folder / "damaged", LADDER, ladder(), Spread(), 0, 2)
    path = folder / "damaged" / model.SOLVED
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="altered"):
        model.load(folder / "damaged", LADDER, ladder())


def test_futures_are_drawn_by_number_within_their_factors():
    spread = Spread((1.0, 2.0), (0.5, 1.5))
    first, again, second = (spread.drawn(LADDER, number, 3) for number in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    factors = first[tuple(PAIRS.T)] / LADDER.demand
    assert ((factors > 0.5) & (factors < 3)).all()
    assert np.array_equal(first, first.T)
    with pytest.raises(ParameterError, match="a low and a high factor"):
        Spread((2.0, 1.0))


def test_matrices_are_read_from_a_folder_or_one_file(tmp_path):
    (tmp_path / "low.csv").write_text("source,target,demand\nA,C,1\nB,D,2\n")
    (tmp_path / "high.csv").write_text("source,target,demand\nA,C,4\n")
    names, matrices = read(LADDER, tmp_path)
    assert names == ["high", "low"]
    assert matrices[1][0, 2] == matrices[1][2, 0] == 1
    (tmp_path / "all.csv").write_text("future,source,target,demand\nlow,A,C,1\nlow,B,D,2\nhigh,A,C,4\n")
    together = read(LADDER, tmp_path / "all.csv")
    assert together[0] == ["low", "high"]
    assert np.array_equal(together[1][0], matrices[1])


@pytest.mark.parametrize(("text", "said"), [
    ("source,target,demand\nA,B,1\n", "first row is not"),
    ("future,source,target,demand\n", "holds no traffic"),
    ("future,source,target,demand\nx,A,Z,1\n", "row 2 is x,A,Z,1"),
    ("future,source,target,demand\nx,A,B\n", "row 2 is x,A,B"),
    ("future,source,target,demand\nx,A,A,1\n", "traffic from 0 between two nodes"),
    ("future,source,target,demand\nx,A,B,-1\n", "traffic from 0 between two nodes"),
    ("future,source,target,demand\nx,A,B,nan\n", "traffic from 0 between two nodes"),
])
def test_a_file_that_is_no_list_of_matrices_is_refused(tmp_path, text, said):
    (tmp_path / "wrong.csv").write_text(text)
    with pytest.raises(ParameterError, match=said):
        read(LADDER, tmp_path / "wrong.csv")


def test_a_folder_without_matrices_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="no CSV file"):
        read(LADDER, tmp_path)


def test_a_matrix_with_other_pairs_than_the_published_ones_is_planned_too(folder):
    learned = trained(folder)
    demand = np.zeros((6, 6))
    demand[3, 5] = demand[5, 3] = 4.0  # no published demand between these
    matrix = learned.planner().open(demand)
    plan = matrix.routed(matrix.mended(learned.proposal(matrix)))
    assert all(routed(matrix.instance, plan, scenario) for scenario in range(matrix.instance.scenarios))
    assert isinstance(learned.planner(), Planner)
