"""IP-over-optical network planning (AIGN paper, use case 2 and Fig. 2; semantics after Zhu et al., SIGCOMM 2021).

The papers publish neither topologies nor modules nor prices. Topologies and demands here are those of SNDlib; modules,
load limit and spectrum are proposals.

Axes: B networks, L links.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torch import Tensor

from aign.scenarios.core import Heuristic
from aign.scenarios.core.constraints import Label
from aign.scenarios.ip_optical_planning.backbone import BackbonePlanning, checked_topology
from aign.scenarios.ip_optical_planning.economics import Economics
from aign.scenarios.ip_optical_planning.heuristics import Rules
from aign.scenarios.ip_optical_planning.parameters import IpOpticalPlanningParameters
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.single_layer import unit_of
from aign.scenarios.ip_optical_planning.two_layer_scenario import TwoLayerPlanning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS = (
    Label("cost", "km*unit", "lower", "Price of all modules and lit fibres.",
          ("cost", "total cost", "price", "spend", "spending", "cheap")),
    Label("ip", "1", "higher", "IP layer: 1 where all demands can be routed while all links work, else 0.",
          ("IP layer", "demands routed", "all demands routed>=1", "all traffic routed>=1", "every demand routed>=1")),
    Label("optical", "channel", "higher", "Optical layer: spare channels of the fullest fibre; below 0 it overflows.",
          ("spare channels on the fullest fibre", "spare channels", "spare channels on every fibre", "optical layer",
           "not overflow>=0", "no overflow>=0")),
    Label("reliability", "1", "higher", "Share of the link failures in which all protected demands can be routed.",
          ("reliability", "reliable", "lambda>=?", "reliability lambda>=?", "link failures survived", "link failures",
           "survive link failures", "survive", "N-1 secure>=1", "N-1 reliable>=1", "N-1>=1",
           "survive every link failure>=1", "survive any link failure>=1", "survive each link failure>=1",
           "survive all link failures>=1", "survive any single link failure>=1", "survive every single link failure>=1",
           "survive each single link failure>=1", "survive a single link failure>=1", "all link failures survived>=1",
           "every link failure survived>=1", "any link failure survived>=1",
           "all traffic routed when a link fails>=1"), (("%", 0.01),)),
    Label("links_used", "1", "lower", "Links with at least one module.",
          ("links used", "used links", "links in use", "links")),
    Label("max_modules", "1", "lower", "Modules, that is channels, on the fullest fibre.",
          ("modules on the fullest fibre", "modules on any fibre", "modules per fibre", "modules per link",
           "modules on each fibre", "modules on every fibre", "modules", "fibre<=", "any fibre<=", "each fibre<=")),
)


class IpOpticalPlanning(BackbonePlanning):
    """Choose whole capacity modules for each of L links of a backbone, so that demands survive every link failure.

    IP links and fibres coincide; with `layers: 2` it is `TwoLayerPlanning`, where IP links are lightpaths over fibres.
    Routing may split flows freely (multi-commodity flow) and is done anew in each failure.

    | | |
    |---|---|
    | context | the demand of each pair of nodes (P), the same in both directions [unit]: SNDlib's times U(0.5, 1.5), |
    | | each times U(0.8, 1.2) |
    | state, design | modules of each link (L), whole, 0 to most_modules [1] |
    | observation | the state; load of each link under shortest paths in the worst scenario (L); modules needed across |
    | | the K <= 64 cuts with fewest links, under failure (K), both in 8 modules; t/T |
    | action | L values in [-1, 1]: each changes its link by round(most_modules / 8 a) modules |
    | reward | gain in utility |
    | start | no modules; or random ones up to twice the shortest-path plan |
    | end | after T = 8 steps |

    **Equations.** A plan costs the sum over links of length times unit times modules [km x units], and fibre_cost for
    each lit link. Utility: 2 less the cost, in shortest-path plans, where all demands are carried while all links
    work and `protected` of each in every failure; where not, 1 less, and less what cuts prove to be lost: see
    `economics`. So the shortest-path plan has utility 1, and no plan that fails reaches it.

    **Labels.** cost [km x units]; ip (1 where all demands are carried while all links work); optical (spare channels of
    the fullest fibre, of `spectrum`); reliability (share of failures survived); links_used; max_modules. Fig. 2 of the
    paper calls requests on ip, optical and reliability y1, y2 and y3. Without a request any plan is an answer unless
    `repair` is set, which mends each so that it survives.

    **Parameters.** topology (polska), unit, load_factor (0.8), most_modules (16), failures, protected (1), spectrum
    (8), fibre_cost (0), exempt_bridges, repair, layers; of two layers only: paths, fibre_pairs, port, regeneration,
    reach, fibre_km.

    **Certificate.** Upper bound by cut and metric inequalities in whole modules, for survivable plans and requests on
    cost, ip, reliability, optical and max_modules: gap 0 up to 30 nodes, 2 % above. Requests on links_used, on a least
    cost, and those that no survivable plan meets, are traded against losses by another integer program up to 30 nodes
    (gap 1 %) and are above only checked.

    **Rules.** shortest_path (also the zero of the normalised return), reverse_delete (the same without what nothing
    needs), round_up (linear relaxation), solver_first (first plan of the certificate's search), random_repaired (best
    of 16 random plans, mended as answers are: what no learning reaches).

    **Source.** AIGN paper, Fig. 2, where no figure is printed; Zhu et al., SIGCOMM 2021; demands: SNDlib (Orlowski et
    al. 2010). Module capacities, load factor and spectrum are proposals.
    """

    labels = LABELS
    integer_labels = frozenset({"ip", "optical", "links_used", "max_modules"})

    def __init__(self, parameters: IpOpticalPlanningParameters) -> None:
        super().__init__(parameters)
        self.topology, exempt = checked_topology(parameters)
        unit = parameters.unit or unit_of(self.topology)
        self.problem = Problem(self.topology, unit * parameters.load_factor, parameters.failures == "links",
                               parameters.protected, parameters.most_modules, exempt)
        self.economics = Economics(self.problem, unit, parameters.fibre_cost)
        self.channels = parameters.spectrum
        self._describe("modules")

    @classmethod
    def create(cls, **values: Any) -> Any:
        """Build the scenario, of one layer or of two, from plain parameter values.

        Raises:
            ParameterError: an unknown or out-of-range parameter.
        """
        parameters = cls.checked(**values)
        return TwoLayerPlanning(parameters) if parameters.layers == 2 else cls(parameters)

    @cached_property
    def heuristics(self) -> Mapping[str, Heuristic]:  # type: ignore[override]
        """Baselines by name."""
        rules = Rules(self.economics, self.mender)
        return {"shortest_path": rules.shortest_path, "reverse_delete": rules.reverse_delete,
                "round_up": rules.round_up, "solver_first": rules.solver_first,
                "random_repaired": rules.random_repaired}

    def _counted(self, modules: Tensor) -> dict[str, Tensor]:
        fullest = modules.amax(1)
        return {"optical": self.channels - fullest, "links_used": (modules > 0).sum(1).double(),
                "max_modules": fullest}

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return each link's modules, and the modules shortest paths would need on it."""
        return {"modules [1]": designs.double(),
                "shortest-path load [modules]": 8 * self.fixed_observation(contexts)[:, :self.action_size].double()}

    def entity_names(self, count: int) -> list[str]:
        """Return the links by the cities they join."""
        return [f"link {self.topology.link_name(number)}" for number in range(count)]

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw the map: width is modules, colour worst-case utilisation, dashed links are not lit."""
        from aign.scenarios.ip_optical_planning.picture import draw
        return draw(self.problem, self.survivability, context.cpu(), path.cpu(), title)
