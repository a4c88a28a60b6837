import pytest

from studies.bias_claims import claims
from studies.claims import decided

BCQ, DIFFUSER, HIDDEN, MEMORY = "bcq", "diffuser_single", "diffuser_single_return_hidden", "best_training_design"


def made(bcq, diffuser, memory=0.5, gain=0.1, half=0.05):
    """Rows of bias.json with these pooled returns, for random, early_sac, mixed and mixed_10_percent."""
    rows = []
    for place, subset in enumerate(("random", "early_sac", "mixed", "mixed_10_percent")):
        values = {BCQ: bcq[place], DIFFUSER: diffuser[place], HIDDEN: diffuser[place] - gain, MEMORY: memory}
        for method, value in values.items():
            shown = {"mean": gain, "low": gain - half, "high": gain + half} if method == DIFFUSER else None
            rows.append({"subset": subset, "method": method, "gain_of_showing_the_return": shown,
                         "normalised_return_pooled": {"mean": value, "low": None, "high": None}})
    return rows


def verdicts(rows):
    return [decided(*claim)["verdict"] for claim in claims(rows)]


def test_every_claim_can_be_supported_and_refuted() -> None:
    agree = made(bcq=(-0.5, 0.5, 0.99, 0.9), diffuser=(0.8, 0.7, 0.99, 0.9))
    assert verdicts(agree) == ["supported"] * 6
    contrary = made(bcq=(0.99, 0.98, 0.99, 0.98), diffuser=(0.98, 0.975, 0.98, 0.97), memory=0.995, gain=-0.1)
    assert verdicts(contrary) == ["not supported"] * 6


def test_disagreeing_subsets_are_mixed() -> None:
    rows = made(bcq=(0.5, 0.98, 0.99, 0.98), diffuser=(0.8, 0.9, 0.99, 0.98), memory=0.85)
    assert verdicts(rows) == ["mixed", "not supported", "mixed", "supported", "mixed", "mixed"]


def test_a_gain_that_seeds_do_not_agree_on_supports_nothing() -> None:
    rows = made(bcq=(0.5,) * 4, diffuser=(0.8,) * 4, gain=0.1, half=0.2)
    assert verdicts(rows)[3] == "not supported"


@pytest.mark.parametrize(("place", "text"), [(0, "random +1.4900, early sac +0.4900"), (0, "on: random"),
                                             (1, "+0.0900"),
                                             (2, "random +1.3000, early sac +0.2000"),
                                             (3, "random +0.1000 [+0.0500, +0.1500]"),
                                             (5, "mixed 10 percent +0.4000")])
def test_the_figure_that_decides_is_told(place: int, text: str) -> None:
    assert text in claims(made(bcq=(-0.5, 0.5, 0.99, 0.9), diffuser=(0.8, 0.7, 0.99, 0.9)))[place][2]
