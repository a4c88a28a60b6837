"""What a network for video delivery can be asked to be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from aign.scenarios.core import ScenarioParameters

Price = Annotated[float, Field(ge=0, le=1e6)]
Positive = Annotated[float, Field(gt=0, le=1e6)]


class VideoDeliveryParameters(ScenarioParameters):
    """Parameters of a variant; a credit is what a thousand streams at the lowest bitrate are worth."""

    topology: str = "polska"
    """A network of SNDlib with up to 65 nodes."""
    origin: str | None = None
    """Node that holds all titles. None: the one with most links."""
    classes: Annotated[int, Field(ge=1, le=10)] = 5
    """Classes of titles C, from the most to the least popular; each holds twice as many titles as the one before."""
    titles: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Titles of the first class."""
    zipf: Annotated[float, Field(ge=0, le=3)] = 0.8
    """Exponent of popularity: the title of rank r is asked for in proportion to r to the power of minus this."""
    streams: Positive = 2.0
    """Mean demand of an edge node at peak factor 1 [thousand streams]."""
    capacity: Positive = 50.0
    """Capacity of each link, both directions together [Gbit/s]."""
    storage: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """Titles that an edge node can store, each at all bitrates."""
    paths: Annotated[int, Field(ge=1, le=8)] = 3
    """Paths K that a node can choose from: the shortest ones to the origin."""
    link_price: Price = 0.3
    """Price of carrying 1 Gbit/s over 1000 km [credit]."""
    storage_price: Price = 0.005
    """Price of storing a title at a node [credit]."""
