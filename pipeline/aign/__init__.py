"""AIGN: AI-generated network design with certificates.

    import aign

    scenario = aign.scenario("power-allocation", users=20)
    dataset = aign.load_dataset("data/trajectories/power-20")
    model = aign.load_model("models/power-20")
    answer = aign.design(model, aign.Request(where=["total_power<=300"], seed=1))

These names and `AignError` are the whole public face; importing it is light, since each is loaded where it is first
used. The rooms behind it, from the ground up: `scenarios` (the networks), `trajectories` (datasets), `agents` (who acts
in them), `diffusion` (the generator), `designs` (requests and answers), `exchange`, `intents` (words to requests),
`stages` (what DVC runs), `cli`, `console`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["AignError", "Request", "__version__", "design", "load_dataset", "load_model", "scenario"]

if TYPE_CHECKING:
    from aign.api import design, load_dataset, load_model, scenario
    from aign.designs.requests import Request
    from aign.errors import AignError
else:  # hidden from type checkers, which would take every misspelt name for an attribute that this function returns
    def __getattr__(name):
        """Load a public name when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module 'aign' has no attribute {name!r}; public are {', '.join(__all__)}")
        if name == "AignError":
            from aign import errors as place
        elif name == "Request":
            from aign.designs import requests as place
        else:
            from aign import api as place
        return getattr(place, name)

    def __dir__():
        return sorted({*globals(), *__all__})
