import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aign.agents.settings import MOST, CollectSettings, PPOSettings, RunSettings, SACSettings, SourceSettings


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
    (SourceSettings, "snapshots", 10**5), (SourceSettings, "random", -1), (CollectSettings, "train_contexts", 0)])
def test_what_the_libraries_cannot_use_is_refused(kind, name, value):
    with pytest.raises(ValidationError, match=name):
        kind(**{name: value})


@given(st.integers(MOST + 1, 10**30))
def test_no_count_is_beyond_any_memory(count):
    for kind, name in ((CollectSettings, "train_contexts"), (SACSettings, "buffer_size"), (PPOSettings, "networks"),
                       (SourceSettings, "random"), (RunSettings, "workers")):
        with pytest.raises(ValidationError, match=name):
            kind(**{name: count})
