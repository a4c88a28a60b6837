"""A network small enough to try every design: an origin O and edge nodes A and B, all joined."""

import itertools
from functools import cache

import numpy as np
import torch

from aign.scenarios.core.topology import Topology
from aign.scenarios.video_delivery.delivery import DeliveryNetwork
from aign.scenarios.video_delivery.parameters import VideoDeliveryParameters

TRIANGLE = Topology("triangle", ("O", "A", "B"), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
                    np.array([[0, 1], [0, 2], [1, 2]]), np.array([10_000.0, 20_000.0, 5_000.0]),
                    np.array([[0, 1], [0, 2]]), np.array([1.0, 1.0]))
"""Links O-A 100 km, O-B 200 km, A-B 50 km; so B's shortest path to the origin leads over A."""
USUAL = {"origin": "O", "classes": 2, "titles": 1, "zipf": 1.0, "streams": 1.0, "capacity": 30.0, "storage": 2,
         "paths": 2, "link_price": 1.0, "storage_price": 0.05}


def triangle(**changed):
    """Return the network; class 1 holds 1 title, class 2 holds 2: 6/11 and 5/11 of the requests."""
    return DeliveryNetwork(VideoDeliveryParameters(**{**USUAL, **changed}), TRIANGLE)


@cache
def combinations():
    """Return all combinations of decisions, (65536, 12)."""
    values = [range(2)] * 4 + [range(2)] * 4 + [range(4)] * 4
    return torch.tensor(list(itertools.product(*values)), dtype=torch.float32)


def every_design(network):
    """Return all designs whose caches hold what they are asked to."""
    designs = combinations()
    stored = (network.split(designs).cached * network.titles).sum(2)
    return designs[(stored <= network.parameters.storage).all(1)]
