"""A plan that survives all slots, and one that does not."""

from dataclasses import replace

import numpy as np
import pytest

from aign.errors import ParameterError
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning import satellites
from aign.scenarios.ip_optical_planning.orbits import Shell
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck
from aign.scenarios.ip_optical_planning.solver.search import Search

LINE = Topology("line", ("A", "B", "C"), np.array([[0.0, 45.0], [10.0, 45.0], [20.0, 45.0]]),
                np.array([[0, 1], [1, 2]]), np.array([78_000.0, 78_000.0]), np.array([[0, 2]]), np.array([2.0]))
DEMAND = np.array([[0.0, 0, 2], [0, 0, 0], [2, 0, 0]])


def test_links_exist_in_the_slots_in_which_the_satellite_is_high_enough():
    shell = Shell(planes=6, satellites=11, elevation=20)
    problem, present = satellites.instance(LINE, DEMAND, 1.0, shell, [0, 2], 5, 1.0, 10.0)
    reach = satellites.visible(LINE, shell, [0, 2], 5)
    count = int(reach.any(0).sum())
    kept = satellites.useful(shell, reach)
    assert set(np.flatnonzero(reach.any((0, 1)))) <= set(kept)
    assert problem.nodes == 3 + len(kept)
    assert present.shape == (5, 2 + count + sum(a in kept and b in kept for a, b in shell.links()))
    assert present[:, :2].all()
    assert present[:, 2 + count:].all()
    assert present[:, 2:2 + count].sum() == reach.sum()
    assert 0 < present[:, 2:2 + count].mean() < 1


def test_a_plan_survives_every_slot_and_costs_more_than_one_that_ignores_them():
    shell = Shell(planes=8, satellites=12, altitude=1200, elevation=5)
    dynamic, present = satellites.instance(LINE, DEMAND, 1.0, shell, [0, 2], 4, 1.0, 500.0)
    answer = Search(dynamic, Limits(gap=0.01)).run()
    assert RoutingCheck(dynamic).verdict(answer.plan).failed == -1
    static = replace(dynamic, failures=satellites.slot_failures(present[:1], LINE.links))
    alone = Search(static, Limits(gap=0.01)).run()
    assert alone.cost < answer.cost
    assert RoutingCheck(static).verdict(alone.plan).failed == -1
    assert RoutingCheck(dynamic).verdict(alone.plan).failed > 0
    assert (answer.plan[2:] > 0).any()  # satellites carry what a cut of the only path would stop
    assert len(dynamic.failures) == 4 * 3
    assert present.shape[0] == 4


@pytest.mark.parametrize("bad", [{"planes": 0}, {"satellites": 2}, {"altitude": 100}, {"elevation": 90}])
def test_a_shell_that_cannot_be_is_refused(bad):
    with pytest.raises(ParameterError, match="allowed: planes >= 1"):
        Shell(**bad)


def test_unknown_gateways_are_refused():
    with pytest.raises(ParameterError, match="allowed: nodes 0 to 2"):
        satellites.instance(LINE, DEMAND, 1.0, Shell(), [7], 2, 1.0, 1.0)
