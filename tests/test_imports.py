"""Networks import nothing in a circle, not even for type checking or within a function, and none imports another."""

import ast

import networkx
import pytest
from imports import module_file, modules_of

SCENARIOS = modules_of("scenarios") - {"aign.scenarios"}
NETWORKS = sorted({name.split(".")[2] for name in SCENARIOS} - {"core"})


def links(module):
    """Return the modules that a module names in any of its imports, each attribute standing for its module."""
    file = module_file(module)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(filter(None, (above, node.module)))
            yield from (name if module_file(name := f"{origin}.{alias.name}") else origin for alias in node.names)


def graph():
    return networkx.DiGraph((module, target) for module in SCENARIOS for target in links(module) if target in SCENARIOS)


def test_every_kind_of_import_is_seen():
    assert graph().has_edge("aign.scenarios.contract.scenario", "aign.scenarios.contract.picture")  # in a function
    assert graph().has_edge("aign.scenarios.contract", "aign.scenarios.contract.scenario")
    assert not graph().has_edge("aign.scenarios.contract.scenario", "aign.scenarios.contract")


@pytest.mark.parametrize("network", ["core", *NETWORKS])
def test_no_module_imports_itself_through_others(network):
    inside = graph().subgraph(modules_of(f"scenarios/{network}"))
    assert list(networkx.simple_cycles(inside)) == []


def test_core_knows_no_network_and_no_network_another():
    strangers = [(module, target) for module, target in graph().edges
                 if target.split(".")[2] not in ("core", module.split(".")[2])]
    assert strangers == []
