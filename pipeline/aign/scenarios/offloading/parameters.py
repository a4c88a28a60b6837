"""What an offloading network can be asked to be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aign.scenarios.core import ScenarioParameters
from aign.scenarios.offloading.features import MOST_SERVERS


class OffloadingParameters(ScenarioParameters):
    """Parameters of an offloading variant."""

    servers: Annotated[int, Field(ge=1, le=MOST_SERVERS)] = 7
    """Servers M."""
    users: Annotated[int, Field(ge=2, le=200)] = 24
    """Users N."""
    access: Literal["published", "dense"] = "published"
    """Servers in reach of a user: 1 to 4, mostly 2, as published; or 4 to 8."""
    energy: Literal["published", "cycles"] = "published"
    """Local energy: kappa f^2 times bits, as published, or times cycles, as is usual."""
    interference: Literal["published", "active"] = "published"
    """What disturbs a user who sends: as published all links of the server, idle ones and its own too; or only others
    who send to it."""
    deadline: Annotated[float, Field(gt=0, le=3600)] = 2.0
    """Seconds after which a task is late."""
    guarantee: bool = False
    """Whether a server gives each user who can be on time there at least the share it needs for that; a server whose
    users need more than all of it admits nobody."""
    mobility: bool = False
    """Whether users are at a distance from servers and leave their coverage: a task that has not ended by then is lost,
    and computed locally."""
