"""What may fail in one layer: links, nodes, groups of links that share a risk, and a share of them that must be
survived.
"""

import numpy as np
import pytest
from flow_program import least_cost

from aign.errors import ParameterError
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning import single_layer
from aign.scenarios.ip_optical_planning.solver.search import Search


def square():
    """Return four cities in a ring with a diagonal, and one more at the end of a bridge."""
    ends = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [2, 4]])
    return Topology("square", tuple("ABCDE"), np.zeros((5, 2)), ends, np.array([100, 200, 150, 250, 300, 120.0]) * 100,
                    np.array([[0, 2], [1, 3], [0, 4]]), np.array([1.0, 2.0, 1.5]))


def planned(**wanted):
    topology = square()
    return single_layer.instance(topology, single_layer.traffic_of(topology), 1.0, **wanted)


def test_risks_are_those_asked_for_and_what_cuts_demands_off_is_exempt():
    instance, exempt = planned(risks="both", groups=[(0, 1), (3, 4)])
    assert exempt == ("link C-E", "node C", "links A-B and B-C")
    assert instance.failures.names == ("link A-B", "link B-C", "link C-D", "link D-A", "link A-C", "node A", "node B",
                                       "node D", "node E", "links D-A and A-C")
    assert planned(risks="none", groups=[(3, 4)])[0].failures.names == ("links D-A and A-C",)
    assert len(planned(risks="none")[0].failures) == 0


@pytest.mark.parametrize("wanted", [{"groups": [(3, 4)]}, {"risks": "both", "groups": [(3, 4)], "share": 0.5},
                                    {"survived": 0.8}, {"risks": "both", "survived": 0.5},
                                    {"risks": "nodes", "survived": 0.7, "share": 0.8}, {"survived": 0.0}])
def test_the_answer_is_that_of_the_program_with_all_flows(wanted):
    instance, _ = planned(**wanted)
    answer = Search(instance).run()
    assert answer.cost == pytest.approx(least_cost(instance))
    assert answer.gap == pytest.approx(0, abs=1e-9)
    assert len(answer.dropped) <= instance.may_drop


def test_fewer_failures_to_survive_cost_less():
    costs = [Search(planned(survived=survived)[0]).run().cost for survived in (1.0, 0.6, 0.0)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[1] > costs[2]


def test_a_share_of_failures_is_rounded_in_favour_of_survival():
    assert [single_layer.droppable(18, survived) for survived in (1.0, 0.95, 0.9, 0.0)] == [0, 0, 1, 18]
    assert single_layer.droppable(10, 0.9) == 1


@pytest.mark.parametrize(("wrong", "says"), [({"share": 1.2}, "share of each demand to survive: given 1.2"),
                                             ({"survived": -1}, "share of failures to survive: given -1"),
                                             ({"groups": [()]}, r"share a risk: given \[\]"),
                                             ({"groups": [(0, 6)]}, r"given \[0, 6\]; allowed: .* from 0 to 5")])
def test_shares_and_groups_that_are_not_possible_are_refused(wrong, says):
    with pytest.raises(ParameterError, match=says):
        planned(**wrong)
