"""The docstring of a network's class is its specification: it names every label, parameter and rule there is."""

import inspect

import pytest

from aign.scenarios.core import registry

NETWORKS = {"asp-selection": {"tasks": 4}, "contract": {}, "gymnasium": {"environment": "CartPole-v1", "horizon": 4},
            "ip-optical-planning": {}, "power-allocation": {}, "stackelberg": {}, "video-delivery": {},
            "video-streaming": {}}
VARIANTS = [*NETWORKS.items(), ("ip-optical-planning", {"layers": 2})]
ROWS = ("context", "state", "observation", "action", "reward", "start", "end", "design")
PARAGRAPHS = ("Labels", "Parameters", "Certificate", "Rules", "Source")


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_the_specification_names_everything(name, parameters):
    scenario = registry.create(name, **parameters)
    text = inspect.getdoc(type(scenario))
    table = [line for line in text.splitlines() if line.startswith("|")]
    rows = ", ".join(line.split("|")[1].strip() for line in table)
    assert [row for row in ROWS if row not in rows] == []
    assert {line.count("|") for line in table} == {3}
    assert [part for part in PARAGRAPHS if text.count(f"\n\n**{part}.** ") != 1] == []
    sections = {part: text.split(f"**{part}.** ")[1].split("\n\n")[0] for part in PARAGRAPHS}
    for part, names in (("Labels", [label.name for label in scenario.labels]), ("Rules", scenario.heuristics),
                        ("Parameters", type(scenario.parameters).model_fields)):
        assert [word for word in names if word not in sections[part]] == []
