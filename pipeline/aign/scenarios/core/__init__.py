"""What all networks share; a network imports from here what it needs to describe itself."""

from aign.scenarios.core.certificate import Certificate, CertificateKind, Feasibility
from aign.scenarios.core.constraints import Constraint, Label, Side, satisfied, tightest
from aign.scenarios.core.design import DesignScenario
from aign.scenarios.core.exploration import Act, Heuristic
from aign.scenarios.core.features import Feature
from aign.scenarios.core.parameters import ScenarioParameters
from aign.scenarios.core.scenario import DesignDistance, Scenario
from aign.scenarios.core.sequential import Rule, SequentialScenario

__all__ = [
    "Act",
    "Certificate",
    "CertificateKind",
    "Constraint",
    "DesignDistance",
    "DesignScenario",
    "Feasibility",
    "Feature",
    "Heuristic",
    "Label",
    "Rule",
    "Scenario",
    "ScenarioParameters",
    "SequentialScenario",
    "Side",
    "satisfied",
    "tightest",
]
