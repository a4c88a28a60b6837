import copy

import pytest
from study_fixtures import evidence, table

from studies import claims, convergence


def row_of(found, claim):
    """The row of the claim whose text starts so."""
    return next(claims.decided(*entry) for entry in claims.claims(found) if entry[0].startswith(claim))


def verdict(found, claim):
    return row_of(found, claim)["verdict"]


def test_every_claim_has_a_verdict_and_a_figure():
    rows = [claims.decided(*claim) for claim in claims.claims(evidence())]
    assert len(rows) == len({row["claim"] for row in rows}) == 13
    for row in rows:
        assert set(row) == {"claim", "verdict", "figure"}
        assert row["verdict"] in ("supported", "not supported", "mixed", "not measured")
        assert row["figure"]


def test_times_decide_who_is_fast():
    # seconds to 0.98: SAC 60, PPO 10, BCQ 2, U-Net 12
    found = evidence()
    assert verdict(found, "SAC: slow") == "supported"
    assert verdict(found, "BCQ: fast") == "supported"
    assert verdict(found, "Proposed (diffuser)") == "supported"
    assert verdict(found, "Offline methods") == "mixed"  # the U-Net is slower than PPO
    assert "6 of 8 pairs" in row_of(found, "Offline methods")["figure"]
    assert "sac 60 / 60" in row_of(found, "BCQ: fast")["figure"]


def test_a_learner_that_never_arrives_is_not_fast():
    rows = copy.deepcopy(evidence().convergence)
    for row in rows:
        if row["method"] == "unet":
            row["reached"][claims.GOAL]["seconds"] = None
    found = evidence(convergence=rows)
    assert verdict(found, "Proposed (diffuser)") == "not supported"
    assert "unet never / never" in row_of(found, "Proposed (diffuser)")["figure"]


def test_sizes_that_disagree_are_mixed():
    rows = copy.deepcopy(evidence().convergence)
    next(row for row in rows if (row["method"], row["users"]) == ("sac", 20))["largest_fall"] = 0.3
    assert verdict(evidence(), "SAC: unstable") == "not supported"
    assert verdict(evidence(convergence=rows), "SAC: unstable") == "mixed"


def test_rewards_are_close_within_a_thousandth():
    rows = table()
    # U-Net .994 and .999 against SAC .995 and BCQ .990: up to 0.9 % apart
    assert verdict(evidence(table=rows), "Rewards") == "not supported"
    for row in rows:
        if row["method"] in ("sac", "bcq", "diffuser_unet_best_of_4"):
            row["utility"] = 10.0 * row["users"]
    assert verdict(evidence(table=rows), "Rewards") == "mixed"
    for row in rows:
        if row["method"] == "diffuser_unet_single":
            row["utility"] = 10.0 * row["users"] * (1 - 0.9 * claims.CLOSE)
    assert verdict(evidence(table=rows), "Rewards") == "supported"


def test_training_times():
    assert verdict(evidence(), "SAC: time-consuming") == "supported"
    assert verdict(evidence(), "BCQ: less") == "supported"
    rows = [{**row, "training_seconds": 100.0} if row["method"] == "bcq" and row["users"] == 20 else row
            for row in table()]
    assert verdict(evidence(table=rows), "BCQ: less") == "mixed"


def test_a_bound_that_is_all_but_reached_refutes_hardness():
    assert verdict(evidence(), "Sum-data") == "not supported"


def test_transfer_decides_about_changing_environments():
    assert verdict(evidence(), "SAC: suitable") == "supported"
    broken = [{**row, "normalised_return_pooled": {"mean": 0.1, "low": 0, "high": 0.2}} for row in evidence().transfer]
    found = evidence(transfer=broken)
    assert verdict(found, "SAC: suitable") == "mixed"
    assert "35 users with sac_trained_on_20: 0.1000" in row_of(found, "SAC: suitable")["figure"]
    assert verdict(evidence(), "Proposed: conditioned on the number") == "supported"
    assert verdict(evidence(transfer=broken), "Proposed: conditioned on the number") == "mixed"
    assert verdict(evidence(transfer=[]), "Proposed: conditioned on the number") == "supported"


@pytest.mark.parametrize(("shown", "hidden", "expected"), [
    ((0.98, 0.9), (0.5, 0.2), "supported"), ((0.98, 0.25), (0.5, 0.2), "mixed"),
    ((0.5, 0.2), (0.5, 0.2), "not supported")])
def test_conditions_must_do_more_than_masked_ones(shown, hidden, expected):
    def groups(values):
        return {name: {"satisfied_raw": value} for name, value in zip(("single", "pair"), values, strict=True)}

    constraints = {"feasible": groups(shown), "controls": {"masked": groups(hidden)}}
    assert verdict(evidence(constraints=constraints), "Proposed: adapts") == expected


def test_what_was_not_studied_is_not_measured():
    assert verdict(evidence(), "Proposed: adapts") == "not measured"
    assert verdict(evidence(constraints={"feasible": {}, "controls": {}}), "Proposed: adapts") == "not measured"


def test_the_goal_is_one_that_is_timed():
    assert float(claims.GOAL) in convergence.GOALS
