"""The networks that the sentences speak to, by the keys of `sentences.yaml`."""

from functools import cache

from aign.scenarios.core import registry

NETWORKS = {
    "power": {"name": "power-allocation"},
    "two-users": {"name": "power-allocation", "users": 2},
    "water": {"name": "water-filling"},
    "contract": {"name": "contract"},
    "stackelberg": {"name": "stackelberg"},
    "planning": {"name": "ip-optical-planning"},
    "layers": {"name": "ip-optical-planning", "layers": 2},
    "offloading": {"name": "offloading"},
    "asp": {"name": "asp-selection"},
    "queue": {"name": "queue-scheduling"},
    "delivery": {"name": "video-delivery"},
    "streaming": {"name": "video-streaming"},
    "cartpole": {"name": "gymnasium", "environment": "CartPole-v1"},
}


@cache
def network(key):
    """Return the network of a key."""
    return registry.create(**NETWORKS[key])
