import pytest
from pydantic import TypeAdapter, ValidationError

from aign.settings import MOST, Count, Positive, Rate, RunSettings, Settings


class Some(Settings):
    size: Positive = 1


def test_unknown_names_are_refused_and_values_cannot_change():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Some(sice=2)
    with pytest.raises(ValidationError, match="frozen"):
        Some().size = 2


@pytest.mark.parametrize(("kind", "least", "most"), [(Count, 0, MOST), (Positive, 1, MOST), (Rate, 1e-9, 1.0)])
def test_bounds_are_allowed_and_what_lies_beyond_is_not(kind, least, most):
    checked = TypeAdapter(kind)
    assert [checked.validate_python(value) for value in (least, most)] == [least, most]
    for beyond in (least - 1, most + 1):
        with pytest.raises(ValidationError):
            checked.validate_python(beyond)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 2**31}, {"device": "gpu"}, {"threads": 0}, {"workers": 0}])
def test_what_every_stage_is_told_has_bounds(wrong):
    assert RunSettings().workers == 2
    with pytest.raises(ValidationError):
        RunSettings(**wrong)
