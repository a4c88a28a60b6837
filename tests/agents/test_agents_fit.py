"""Agents and sources that cannot act in a network are told by their place, before anything is explored."""

import pytest

from aign.agents import fit
from aign.agents.settings import CollectSettings, SourceSettings
from aign.errors import ParameterError
from aign.scenarios.core import registry

POWER = registry.create("power-allocation", users=2)
TASKS = registry.create("asp-selection", providers=3, tasks=8)


def test_what_fits_passes():
    fit.check(POWER, CollectSettings(sources=SourceSettings(label_guided=1)))
    fit.check(TASKS, CollectSettings(agents=("sac", "ppo", "d2sac", "ddqn", "ucb")))


@pytest.mark.parametrize("kind", fit.CHOOSING)
def test_agents_that_choose_need_choices(kind):
    with pytest.raises(ParameterError, match=rf"^collect\.agents\[1\]: Agent {kind} .* that fit: sac, ppo, d2sac\.$"):
        fit.check(POWER, CollectSettings(agents=("sac", kind)))


def test_demonstrations_guided_by_labels_need_a_design_that_changes_step_by_step():
    with pytest.raises(ParameterError, match=r"^collect\.sources\.label_guided: .*asp-selection.* Allowed: 0\.$"):
        fit.check(TASKS, CollectSettings(sources=SourceSettings(label_guided=1)))
