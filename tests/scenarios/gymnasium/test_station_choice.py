"""The functions a user might write for mobile-env, by hand and in mobile-env itself."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import MultiDiscrete

from aign.scenarios.core import registry
from aign.scenarios.gymnasium.labels import Record
from aign.scenarios.gymnasium.station_choice import changed_connections, strongest_station

MOBILE = {"environment": "mobile-small-central-v0", "module": "mobile_env", "seed_option": "config.seed", "horizon": 5}
PLACE = "aign.scenarios.gymnasium.station_choice"


def seen(connected, heard):
    """Two users of three stations."""
    return np.concatenate([[*one, *other, -0.5] for one, other in zip(connected, heard, strict=True)])


def test_who_has_no_connection_asks_for_the_station_heard_best():
    heard = [[0.1, 1.0, 0.2], [0.3, 0.2, 1.0]]
    space = MultiDiscrete([4, 4])
    assert strongest_station(seen([[0, 0, 0], [0, 0, 0]], heard), space).tolist() == [2, 3]
    assert strongest_station(seen([[1, 0, 0], [0, 0, 0]], heard), space).tolist() == [0, 3]


def test_connections_made_and_lost_are_changes():
    observations = [seen(one, [[0, 0, 0]] * 2) for one in ([[0, 1, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0]],
                                                           [[0, 0, 1], [1, 1, 1]])]
    assert changed_connections(Record(observations[:2], [[3, 0]], [0.0], [{}, {}])) == 2
    assert changed_connections(Record(observations, [[3, 0], [0, 1]], [0.0] * 2, [{}] * 3)) == 3


def test_in_mobile_env_the_rule_beats_chance_and_the_label_counts_what_happens():
    pytest.importorskip("mobile_env")
    scenario = registry.create("gymnasium", **MOBILE, rules={"strongest": f"{PLACE}:strongest_station"}, labels={
        "changes": {"function": f"{PLACE}:changed_connections", "how": "sum"},
        "rate": {"info": "mean datarate", "how": "mean"}})
    values = scenario.draw_contexts(3, torch.Generator().manual_seed(0))
    designs = {name: rule(values) for name, rule in scenario.heuristics.items()}
    utility = {name: scenario.utility(values, design) for name, design in designs.items()}
    assert utility["constant"].tolist() == pytest.approx([-5.0] * 3)  # nobody is ever connected
    assert utility["strongest"].mean() > utility["random"].mean()
    env = gymnasium.make(MOBILE["environment"], config={"seed": int(values[0, 0])}).unwrapped
    env.reset()
    before, changes, rates = set(), 0, []
    for step in designs["strongest"][0].reshape(5, 5, 4).argmax(2).tolist():
        rates.append(env.step(step)[4]["mean datarate"])
        # A connection out of reach counts as lost once it no longer shows.
        after = {(bs.bs_id, ue.ue_id) for bs in env.stations.values() for ue in env.connections[bs]}
        changes, before = changes + len(before ^ after), after
    labels = scenario.measure(values[:1], designs["strongest"][:1])
    assert float(labels["changes"]) == changes > 0
    assert float(labels["rate"]) == pytest.approx(np.mean(rates))
