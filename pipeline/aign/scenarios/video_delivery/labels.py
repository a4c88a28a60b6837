"""What a request may bound, and its measurement.

Axes: B networks.
"""

from __future__ import annotations

from torch import Tensor

from aign.scenarios.core.constraints import Label
from aign.scenarios.video_delivery.delivery import Delivery

PERCENT = (("%", 0.01),)
LABELS = (
    Label("hit_ratio", "1", "higher", "Share of the delivered streams that caches serve, not the origin.",
          ("hit ratio", "hit rate", "cache hit ratio", "cache hits", "hits", "streams from caches", "served by caches",
           "served from caches", "requests from caches"), PERCENT),
    Label("max_load", "1", "lower", "Load of the most loaded link over its capacity.",
          ("load of the most loaded link", "most loaded link", "busiest link", "load of the busiest link", "link load",
           "link loads", "link<=", "every link<=", "each link<=", "any link<=", "link utilisation", "link utilization",
           "utilisation", "utilization", "load"), PERCENT),
    Label("mean_latency", "ms", "lower", "Mean round trip of the delivered streams to the node that serves them.",
          ("mean latency", "average latency", "latency", "mean delay", "delay", "round trip", "mean round trip",
           "average round trip", "average"),
          (("millisecond", 1.0), ("s", 1e3), ("second", 1e3), ("µs", 1e-3))),
    Label("served", "1", "higher", "Share of the demanded streams that are delivered.",
          ("share of demand served", "demand served", "served demand", "served", "streams served", "streams delivered",
           "delivered streams", "requests served", "all demand served>=1", "all streams served>=1",
           "all streams delivered>=1", "every stream delivered>=1", "serve all demand>=1", "serve everybody>=1"),
          PERCENT),
    Label("mean_bitrate", "Mbit/s", "higher", "Mean bitrate of the delivered streams.",
          ("mean bitrate", "average bitrate", "bitrate", "bit rate", "video quality", "rate", "average", "viewers>=",
           "every viewer>="),
          (("kbit/s", 1e-3), ("Mbps", 1.0), ("kbps", 1e-3))),
    Label("cost", "credit", "lower", "Price of all traffic and of all stored titles.",
          ("cost", "total cost", "price", "spend", "spending", "cheap"), (("credits", 1.0),)),
)


def measure(delivery: Delivery, capacity: float) -> dict[str, Tensor]:
    """Return every label (B,), float64, where links have a capacity [Gbit/s]; means over no streams at all are 0."""
    delivered = delivery.streams * delivery.delivered
    total = delivered.sum((1, 2))
    known = total.clamp_min(1e-12)
    return {"hit_ratio": (delivery.streams * delivery.hit).sum((1, 2)) / known,
            "max_load": delivery.load.amax(1) / capacity,
            "mean_latency": (delivered * delivery.latency).sum((1, 2)) / known,
            "mean_bitrate": (delivered * delivery.rate).sum((1, 2)) / known,
            "served": total / delivery.streams.sum((1, 2)).clamp_min(1e-12), "cost": delivery.cost.sum(1)}
