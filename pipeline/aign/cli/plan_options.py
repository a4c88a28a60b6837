"""The options of `aign plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Risks = Literal["links", "nodes", "both", "none"]

Network = Annotated[str, typer.Argument(help="A network of SNDlib, such as nobel-germany, or a file: .txt, .xml "
                                             "(SNDlib), .json (node-link), .graphml.")]
Traffic = Annotated[Path | None, typer.Option(help="CSV file with the traffic, where the network's file has none or "
                                                   "another one.")]
Grow = Annotated[float, typer.Option(help="Factor on all traffic.", min=1e-6, max=1e6)]
Unit = Annotated[float | None, typer.Option(help="Capacity of a module, in the unit of the traffic.", min=1e-9)]
MayFail = Annotated[Risks, typer.Option(help="What may fail, one at a time.")]
Share = Annotated[float, typer.Option(help="Share of each demand that must survive a failure.", min=0.0, max=1.0)]
Groups = Annotated[Path | None, typer.Option(help="File with links that share a risk: a line of links, such as A-B, "
                                                  "B-C, for each group that fails together.")]
Reliability = Annotated[float, typer.Option(help="Share of the failures that must be survived; the plan chooses which.",
                                            min=0.0, max=1.0)]
Layers = Annotated[int, typer.Option(help="1: IP links are fibres; 2: lightpaths over fibres.", min=1, max=2)]
Paths = Annotated[int, typer.Option(help="Two layers: candidate paths per pair of nodes for lightpaths.", min=0)]
Spare = Annotated[int, typer.Option(help="Two layers: channels of each lit fibre pair that stay free.", min=0)]
Satellites = Annotated[Path | None, typer.Option(help="YAML file with a shell of satellites, their gateways and time "
                                                      "slots: every slot must be survived.")]
Installed = Annotated[Path | None, typer.Option(help="JSON file of `--save`: plan the changes to that network.")]
Earned = Annotated[float, typer.Option(help="With --installed: what removing a module earns, as a share of its price; "
                                            "0: nothing is removed.", min=0.0, max=1.0)]
Budget = Annotated[float | None, typer.Option(help="Stop once it is clear whether that much is enough.")]
Gap = Annotated[float, typer.Option(help="Relative gap at which the search may stop.", min=0.0, max=1.0)]
Rounds = Annotated[int, typer.Option(help="Most rounds of the search.", min=1)]
Save = Annotated[Path | None, typer.Option(help="Write the plan as JSON.")]
Map = Annotated[Path | None, typer.Option("--map", help="Draw the plan as PNG.")]
