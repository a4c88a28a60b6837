import pytest

from aign.diffusion.set_network import SetDenoiser
from aign.diffusion.unet import TemporalUNet
from studies.constraints import CONDITIONED, PLANNERS, UNET_RATE, recipe
from studies.request_sets import HELD_OUT_PAIRS
from studies.settings import ConstraintsSettings

SETTINGS = ConstraintsSettings()


@pytest.mark.parametrize("name", [*CONDITIONED, *PLANNERS])
def test_no_model_is_shown_the_held_out_pairs_and_all_take_the_same_steps(name):
    found = recipe(name, SETTINGS, 77, 16)
    assert found.never_together == HELD_OUT_PAIRS == (("min_rate", "max_power"), ("min_sinr_db", "max_power"))
    assert found.steps == 77
    assert found.batch_size == SETTINGS.train.batch_size


def test_each_model_differs_from_the_first_in_one_thing():
    first = recipe("achieved", SETTINGS, 10, 16).model_dump()
    changes = {name: {field: value for field, value in recipe(name, SETTINGS, 10, 16).model_dump().items()
                      if value != first[field]} for name in (*CONDITIONED, *PLANNERS)}
    assert changes == {"achieved": {}, "hindsight": {"condition": "hindsight"}, "one_hot": {"condition": "one_hot"},
                       "one_at_a_time": {"one_at_a_time": True}, "final_design_only": {"stride": 16},
                       "temporal_unet": {"network": SETTINGS.unet.model_dump() | {"kind": "temporal"},
                                         "learning_rate": UNET_RATE}}
    assert first["network"]["kind"] == "set"
    assert first["condition"] == "achieved"


def test_the_temporal_network_has_about_as_many_parameters_as_the_set_network():
    ours, other = SETTINGS.train.network, SETTINGS.unet
    plan = 16 // SETTINGS.train.stride
    sets = SetDenoiser(plan, [1], [1], 7, ours.channels, ours.depth, ours.embedding)
    unet = TemporalUNet(SETTINGS.users, 2 * SETTINGS.users, 7, other.channels, list(other.multipliers), other.kernel,
                        other.embedding, other.groups)
    final = SetDenoiser(1, [1], [1], 7, ours.channels, ours.depth, ours.embedding)
    sizes = [sum(weight.numel() for weight in one.parameters()) for one in (sets, unet, final)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
    assert sizes[2] == pytest.approx(sizes[0], rel=0.02)
