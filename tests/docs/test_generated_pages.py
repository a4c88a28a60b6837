"""Pages made from docstrings: every network, its parameters and labels, and every public name."""

import sys

import pytest
from pages import ROOT

import aign
from aign.scenarios.core import registry

sys.path.append(str(ROOT / "pipeline/docs"))
import generated_pages


@pytest.mark.parametrize("name", registry.names())
def test_the_page_of_a_network_says_what_its_docstring_parameters_and_labels_say(name):
    page = generated_pages.network(name, drawn=True)
    kind = registry.scenario_class(name)
    assert kind.summary in page
    assert f"({name}.png)" in page
    for parameter in kind.Parameters.model_fields:
        assert f"| `{parameter}` |" in page
    for label in kind.create().labels:
        assert f"| `{label.name}` | {label.unit} | {label.better} |" in page
    assert "## Certificate" in page


def test_figures_are_those_of_the_reports():
    page = generated_pages.network("power-allocation", drawn=False)
    assert "### power-2\n" in page
    assert "### power-20\n" in page
    assert "`diffuser_best_of_16`" in page


@pytest.mark.parametrize(("schema", "words"), [
    ({"type": "integer", "minimum": 2, "maximum": 9}, "integer ≥ 2 and ≤ 9"),
    ({"enum": ["a", "b"]}, "`a`, `b`"),
    ({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]}, "number > 0 or nothing"),
    ({"$ref": "#/$defs/Inner"}, "mapping"),
])
def test_what_a_schema_allows_in_words(schema, words):
    assert generated_pages.allowed(schema, {"$defs": {"Inner": {"type": "object"}}}) == words


def test_every_public_name_is_in_the_reference():
    page = generated_pages.api()
    public = {name for name in aign.__all__ if not name.startswith("__")}
    assert {"scenario", "load_dataset", "load_model", "design", "Request"} <= public
    for name in public:
        assert f":: aign.{name}\n" in page
