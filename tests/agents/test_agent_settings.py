import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aign.agents.settings import (
    CollectSettings,
    D2SACSettings,
    DDQNSettings,
    PPOSettings,
    SACSettings,
    SourceSettings,
    UCBSettings,
)
from aign.settings import MOST, RunSettings


@pytest.mark.parametrize("given", ["auto", "auto_0.1", "auto_2", "0.2", "0", "1"])
def test_an_entropy_coefficient_is_what_stable_baselines_reads(given):
    assert SACSettings(entropy_coefficient=given).entropy_coefficient == given
    float(given.removeprefix("auto_") if given != "auto" else 1)


@pytest.mark.parametrize("given", ["auto_0", "auto_0.0", "auto_", "auto_x", "x", "", "-1", "nan", "auto_inf", "1e3",
                                   "٣", "0.1\n"])
def test_any_other_entropy_coefficient_is_refused(given):
    with pytest.raises(ValidationError, match=r"auto_0\.1"):
        SACSettings(entropy_coefficient=given)


@pytest.mark.parametrize(("kind", "name", "value"), [
    (PPOSettings, "batch_size", 1), (PPOSettings, "rollout_steps", 1), (PPOSettings, "log_std_init", 3.0),
    (PPOSettings, "hidden", (10**6,)), (SACSettings, "hidden", (0,)), (SACSettings, "target_entropy", 1e4),
    (SourceSettings, "snapshots", 10**5), (SourceSettings, "random", -1), (CollectSettings, "train_contexts", 0),
    (D2SACSettings, "denoising_steps", 0), (D2SACSettings, "embedding", 3), (SACSettings, "return_steps", 0),
    (SACSettings, "choice_entropy", 1.0), (DDQNSettings, "final_exploration", 2), (UCBSettings, "confidence", -1),
    (CollectSettings, "agents", ()), (CollectSettings, "agents", ("sac", "sac")),
    (CollectSettings, "agents", ("bcq",))])
def test_what_the_libraries_cannot_use_is_refused(kind, name, value):
    with pytest.raises(ValidationError, match=name):
        kind(**{name: value})


@given(st.integers(MOST + 1, 10**30))
def test_no_count_is_beyond_any_memory(count):
    for kind, name in ((CollectSettings, "train_contexts"), (SACSettings, "buffer_size"), (PPOSettings, "networks"),
                       (SourceSettings, "random"), (RunSettings, "workers")):
        with pytest.raises(ValidationError, match=name):
            kind(**{name: count})


def test_each_agent_acts_as_its_own_block_says():
    settings = CollectSettings(ppo=PPOSettings(networks=3), d2sac=D2SACSettings(networks=4))
    assert (settings.of("ppo").networks, settings.of("d2sac").networks) == (3, 4)
    assert settings.of("ucb") == UCBSettings()


def test_agents_that_do_not_explore_leave_no_trace_in_a_dataset():
    usual = CollectSettings().provenance()
    assert {"sac", "ppo"} <= usual.keys()
    assert not usual.keys() & {"d2sac", "ddqn", "ucb", "agents"}
    assert not usual["sac"].keys() & {"return_steps", "choice_entropy"}
    other = CollectSettings(agents=("d2sac", "ucb"), d2sac=D2SACSettings(return_steps=3)).provenance()
    assert other["d2sac"]["return_steps"] == 3
    assert {"d2sac", "ucb"} <= other.keys()
    assert not other.keys() & {"sac", "ppo", "ddqn"}
