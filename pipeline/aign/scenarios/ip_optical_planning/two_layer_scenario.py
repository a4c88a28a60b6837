"""Planning in two layers: IP links are lightpaths, and a fibre cut fails every lightpath on it (AIGN paper, Fig. 2).

Axes: B networks, L candidate lightpaths, R fibre routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from aign.scenarios.core import Heuristic
from aign.scenarios.core.constraints import Label
from aign.scenarios.ip_optical_planning.backbone import BackbonePlanning, checked_topology
from aign.scenarios.ip_optical_planning.economics import LayeredEconomics
from aign.scenarios.ip_optical_planning.heuristics import LayeredRules
from aign.scenarios.ip_optical_planning.layered_problem import LayeredProblem
from aign.scenarios.ip_optical_planning.parameters import IpOpticalPlanningParameters
from aign.scenarios.ip_optical_planning.single_layer import unit_of
from aign.scenarios.ip_optical_planning.two_layers import Prices, candidates

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS = (
    Label("cost", "1", "lower", "Price of ports, regenerators and lit fibre pairs.",
          ("cost", "total cost", "price", "spend", "spending", "cheap")),
    Label("ip", "1", "higher", "IP layer: 1 where all demands can be routed while all fibres work, else 0.",
          ("IP layer", "demands routed", "all demands routed>=1", "all traffic routed>=1", "every demand routed>=1")),
    Label("optical", "pair", "higher", "Optical layer: spare fibre pairs of the fullest route; below 0 it overflows.",
          ("spare fibre pairs on the fullest route", "spare fibre pairs", "spare fibres", "optical layer",
           "not overflow>=0", "no overflow>=0")),
    Label("reliability", "1", "higher", "Share of the fibre cuts in which all protected demands can be routed.",
          ("reliability", "reliable", "lambda>=?", "reliability lambda>=?", "fibre cuts survived", "fibre cuts",
           "survive fibre cuts", "survive", "N-1 secure>=1", "N-1 reliable>=1", "N-1>=1", "survive every fibre cut>=1",
           "survive any fibre cut>=1", "survive each fibre cut>=1", "survive all fibre cuts>=1",
           "survive any single fibre cut>=1", "survive every single fibre cut>=1", "survive a single fibre cut>=1",
           "all fibre cuts survived>=1", "survive every link failure>=1", "survive any link failure>=1",
           "survive all link failures>=1", "survive any single link failure>=1", "fibre cut survived>=1",
           "every fibre cut survived>=1", "any fibre cut survived>=1", "each fibre cut survived>=1",
           "all traffic routed after any fibre cut>=1", "all traffic routed after every fibre cut>=1",
           "all traffic routed when a fibre is cut>=1"), (("%", 0.01),)),
    Label("ports", "1", "lower", "Router ports, two for each lightpath.", ("router ports", "ports")),
    Label("lightpaths", "1", "lower", "Lightpaths.", ("lightpaths", "light paths", "wavelengths")),
    Label("regenerators", "1", "lower", "Regenerators of all lightpaths.", ("regenerators",)),
    Label("fibre_km", "km", "lower", "Length of all lit fibre pairs.",
          ("length of lit fibre", "lit fibre", "fibre length", "kilometres of fibre", "fibre"),
          (("kilometre", 1.0), ("m", 1e-3))),
)


class TwoLayerPlanning(BackbonePlanning):
    """Choose whole lightpaths over a backbone's fibres, so that demands survive every fibre cut.

    Each of L candidate lightpaths joins two nodes over a path of fibre routes; a cut of a route fails every lightpath
    on it. Demands are routed over lightpaths, may split freely (multi-commodity flow), and are routed anew after each
    cut. A lightpath past a node saves that node's ports (optical bypass), and fills up less well.

    | | |
    |---|---|
    | context | the demand of each pair of nodes (P), the same in both directions [unit]: SNDlib's times U(0.5, 1.5), |
    | | each times U(0.8, 1.2) |
    | state, design | lightpaths of each candidate (L), whole, 0 to most_modules [1], direct ones over each of R fibre |
    | | routes first |
    | observation | the state; load of each route under shortest paths in the worst scenario (R); modules needed |
    | | across the K <= 64 cuts with fewest routes, under failure (K), both in 8 modules; t/T |
    | action | L values in [-1, 1]: each changes its candidate by round(most_modules / 8 a) lightpaths |
    | reward | gain in utility |
    | start | no lightpaths; or random direct ones, up to twice what shortest paths need |
    | end | after T = 8 steps |

    **Equations.** z lightpaths light y = ceil(sum of z over a route / spectrum) fibre pairs on it. Cost: 2 port a
    lightpath, regeneration for each full `reach` km of it but the last, fibre_km for each km of a lit pair. Utility: 2
    less the cost, in plans of direct lightpaths along shortest paths, where all demands are carried while everything
    works and `protected` of each after every cut; where not, 1 less, and less what node cuts prove to be lost: see
    `economics`.

    **Labels.** cost; ip (1 where all demands are carried while all fibres work); optical (spare fibre pairs of the
    fullest route, of `fibre_pairs`); reliability (share of cuts survived); ports; lightpaths; regenerators; fibre_km
    (lit). Fig. 2 of the paper calls requests on ip, optical and reliability y1, y2 and y3.

    **Parameters.** topology (polska), unit, load_factor (0.8), most_modules (16), failures, protected (1), spectrum
    (channels of a fibre pair, 8), fibre_pairs (4), exempt_bridges, repair (mends every answer), layers (2), paths
    (candidates of a pair of nodes, 1), port (1.5), regeneration (1), reach (1500 km), fibre_km (0.01); of one layer
    only: fibre_cost.

    **Certificate.** Upper bound by cut inequalities of both layers in whole lightpaths and fibre pairs, relaxed, for
    survivable plans and requests on cost, ip, reliability and optical; the gap in cost to the plan found is about
    3 % on polska and 6 % on nobel-germany, and stated (`aign plan --layers 2` closes more of it, in minutes). Where no
    survivable plan meets a request, the bound leaves out what a plan loses. Other labels are only checked.

    **Rules.** direct_lightpaths (enough for shortest paths; also the zero of the normalised return), reverse_delete
    (the same without what nothing needs), bypass (each demand by lightpaths from end to end, mended), round_up (linear
    relaxation), solver_first (first plan of the certificate's search), random_repaired (best of 16 random plans, mended
    as answers are: what no learning reaches).

    **Source.** AIGN paper, Fig. 2, where no figure is printed; cut inequalities of two layers: Koster et al. 2007;
    demands: SNDlib (Orlowski et al. 2010). The papers publish no prices; those here are invented.
    """

    labels = LABELS
    integer_labels = frozenset({"ip", "optical", "ports", "lightpaths", "regenerators"})
    problem: LayeredProblem
    economics: LayeredEconomics

    def __init__(self, parameters: IpOpticalPlanningParameters) -> None:
        super().__init__(parameters)
        self.topology, exempt = checked_topology(parameters)
        unit = parameters.unit or unit_of(self.topology)
        prices = Prices(parameters.port, parameters.regeneration, parameters.reach, parameters.fibre_km,
                        parameters.spectrum)
        self.problem = LayeredProblem(self.topology, unit * parameters.load_factor, parameters.failures == "links",
                                      parameters.protected, parameters.most_modules, exempt,
                                      lightpaths=candidates(self.topology, parameters.paths), prices=prices)
        self.economics = LayeredEconomics(self.problem, unit, 0.0)
        self.channels = parameters.fibre_pairs
        self._describe("lightpaths")

    @cached_property
    def heuristics(self) -> Mapping[str, Heuristic]:  # type: ignore[override]
        """Baselines by name."""
        rules = LayeredRules(self.economics, self.mender)
        return {"direct_lightpaths": rules.shortest_path, "reverse_delete": rules.reverse_delete,
                "bypass": rules.bypass, "round_up": rules.round_up, "solver_first": rules.solver_first,
                "random_repaired": rules.random_repaired}

    def entity_names(self, count: int) -> list[str]:
        """Return the lightpaths by the cities they join, numbered where several join the same."""
        names: list[str] = []
        for ends in self.problem.lightpaths.ends[:count]:
            name = "lightpath " + "-".join(self.topology.nodes[node] for node in ends)
            same = sum(other == name or other.startswith(f"{name} (") for other in names)
            names.append(f"{name} ({same + 1})" if same else name)
        return names

    @property
    def carriers(self) -> Mapping[str, tuple[str, ...]]:
        """Return each fibre with the lightpaths over it."""
        names, over = self.entity_names(self.action_size), self.problem.over > 0
        return {f"fibre {self.topology.link_name(fibre)}": tuple(names[path] for path in over[:, fibre].nonzero()[:, 0])
                for fibre in range(over.shape[1])}

    def _counted(self, modules: Tensor) -> dict[str, Tensor]:
        lightpaths = modules.sum(1)
        return {"optical": self.channels - self.problem.pairs(modules).amax(1), "ports": 2 * lightpaths,
                "lightpaths": lightpaths, "regenerators": modules @ self.economics.regenerators,
                "fibre_km": self.economics.fibre_km(modules)}

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw both layers: lightpaths by their ends, and the fibre pairs below them."""
        from aign.scenarios.ip_optical_planning.picture import draw_layers
        return draw_layers(self.problem, self.survivability, context.cpu(), path.cpu(), title)
