"""What a planning network can be asked to be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aign.scenarios.core import ScenarioParameters

Price = Annotated[float, Field(ge=0, le=1e12)]


class IpOpticalPlanningParameters(ScenarioParameters):
    """Parameters of a planning variant; the last six are of two layers only, `fibre_cost` is of one layer only."""

    topology: str = "polska"
    """A network of SNDlib with up to 65 nodes."""
    unit: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Capacity of a module, in the unit of the demands. None: 622 for polska, 40 for nobel-germany, 400 for nobel-us,
    otherwise a sixteenth of the total demand."""
    load_factor: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of a module's capacity that may be filled."""
    most_modules: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Modules a link can have."""
    failures: Literal["links", "none"] = "links"
    """Whether every single link, in two layers every fibre route, may fail."""
    protected: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of each demand that must survive a failure."""
    spectrum: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Channels of a fibre pair; each module takes one. Physical fibres carry 80 or more; so few make requests bind."""
    fibre_cost: Price = 0.0
    """Cost of lighting a fibre at all [km x units]."""
    exempt_bridges: bool = False
    """Whether links that hold the network together are exempt from failing; otherwise such a network is refused."""
    repair: bool = False
    """Whether every answer is mended to survive, and not only those to requests that ask for it."""
    layers: Annotated[int, Field(ge=1, le=2)] = 1
    """1: IP links and fibres coincide; 2: IP links are lightpaths over fibres."""
    paths: Annotated[int, Field(ge=0, le=8)] = 1
    """Candidate lightpaths of a pair of nodes, over its shortest fibre paths; direct ones are candidates anyway."""
    fibre_pairs: Annotated[int, Field(ge=1, le=10_000)] = 4
    """Fibre pairs there are on a route, of which `optical` says how many are spare."""
    port: Price = 1.5
    """Price of a router port; a lightpath takes one at each end."""
    regeneration: Price = 1.0
    """Price of a regenerator; light travels `reach` km without one."""
    reach: Annotated[float, Field(gt=0, le=1e6)] = 1500.0
    """See `regeneration` [km]."""
    fibre_km: Price = 0.01
    """Price of lighting a fibre pair, for each km."""
