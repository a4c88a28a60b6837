"""Which constrained requests evaluate asks, and how it counts what becomes of them."""

import math

import pytest
import torch

from aign.designs.settings import EvaluateSettings, RequestSettings, SamplingSettings
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.stages.evaluate import satisfaction
from aign.stages.evaluate.satisfaction import ConstrainedRequest, Satisfaction

QUICK = SamplingSettings(steps=4)


@pytest.fixture(scope="module")
def contexts(water):
    return water.scenario.draw_contexts(7, torch.Generator().manual_seed(4))


def test_each_label_is_bounded_by_the_median_of_the_certified_designs(water, contexts):
    requests = satisfaction.derived_requests(water.scenario, contexts, water.scenario.certify(contexts).design,
                                             EvaluateSettings(constrained_contexts=5))
    labels = water.scenario.measure(contexts[:5], water.scenario.certify(contexts[:5]).design)
    singles = [request for request in requests if request.kind == "single"]
    assert [str(request.constraints[0].side) for request in singles] == [
        str((label.name, "<=" if label.better == "lower" else ">=")) for label in water.scenario.labels]
    for request in singles:
        [bound] = request.constraints
        assert bound.threshold == labels[bound.label].median()
        assert bound.holds(labels[bound.label]).sum() >= 3
        assert len(request.contexts) == 5
    pairs = [request.constraints for request in requests if request.kind == "pair"]
    assert len(pairs) == 3
    assert all(first.label != second.label for first, second in pairs)


@pytest.mark.parametrize(("most", "singles", "pairs"), [(1, 1, 0), (3, 3, 0), (4, 3, 1), (100, 3, 3)])
def test_requests_are_as_many_as_allowed_single_bounds_first(water, contexts, most, singles, pairs):
    requests = satisfaction.derived_requests(water.scenario, contexts, water.scenario.certify(contexts).design,
                                             EvaluateSettings(constrained_requests=most))
    kinds = [request.kind for request in requests]
    assert kinds == ["single"] * singles + ["pair"] * pairs
    assert len({request.constraints for request in requests}) == len(requests)


def test_requests_of_the_parameters_count_where_they_hold_constraints(water):
    requests = satisfaction.stated_requests(water.scenario, [
        RequestSettings(name="free"),
        RequestSettings(name="green", preset="ladder", where=("total_power<1",), count=3)])
    assert [(request.kind, request.candidates, len(request.contexts)) for request in requests] == [("params", 3, 1)]
    assert requests[0].constraints == (Constraint("total_power", "<", 1.0),)


def test_a_request_is_met_where_the_simulator_says_so(water, contexts):
    bounds = (Constraint("total_power", "<=", 1.0), Constraint("max_power", "<=", 0.5))
    outcome = satisfaction.satisfy(water, ConstrainedRequest("pair", bounds, contexts, 3), QUICK, seed=1)
    designs = satisfaction.generate(water, contexts, bounds, 3, QUICK, 1).designs
    for rank in range(3):
        labels = water.scenario.measure(contexts, designs[:, rank])
        assert satisfied(bounds, labels, 7).all(), "the projection is exact here"
    assert outcome.returned.all()
    assert outcome.feasible.all()
    assert not outcome.impossible.any()
    assert outcome.raw.shape == (7, 3)


@pytest.mark.parametrize(("network", "bound", "proven"), [("power", Constraint("min_rate", ">=", 500.0), 7),
                                                          ("water", Constraint("total_power", ">=", 1e6), 0)])
def test_a_request_that_no_design_meets_is_told_apart_and_not_counted(request, network, bound, proven):
    """The certificate of water-filling proves nothing of such a bound, so there it is unknown."""
    model = request.getfixturevalue(network)
    contexts = model.scenario.draw_contexts(7, torch.Generator().manual_seed(4))
    outcome = satisfaction.satisfy(model, ConstrainedRequest("single", (bound,), contexts, 2), QUICK, seed=1)
    figures = satisfaction.satisfaction_summary([outcome])["all"]
    assert (figures["asked"], figures["feasible"], figures["impossible"]) == (7, 0, proven)
    assert figures["returned"] == {"count": 0, "of": 0, "percent": None, "percent_low": None, "percent_high": None}
    assert satisfaction.percentage(figures["returned"]) == satisfaction.percentage(figures["raw_design"]) == "-"


def test_what_a_search_knows_to_be_feasible_counts_as_missed(water, contexts, monkeypatch):
    """Projection and generator fail here, but the certificate's design meets the request."""
    generated = satisfaction.generate

    def failing(*arguments, **options):
        designs = generated(*arguments, **options)
        designs.feasible[:], designs.raw_feasible[:] = False, False
        return designs

    monkeypatch.setattr(satisfaction, "generate", failing)
    bounds = (Constraint("total_power", "<=", 1.0),)
    outcome = satisfaction.satisfy(water, ConstrainedRequest("single", bounds, contexts, 2), QUICK, seed=1)
    figures = satisfaction.satisfaction_summary([outcome])["single"]
    assert figures["feasible"] == figures["returned"]["of"] == 7
    assert figures["returned"]["percent"] == 0


def test_figures_are_counted_over_feasible_requests_with_wilsons_interval():
    flags = torch.tensor([True] * 8 + [False] * 2)
    raw = torch.zeros(10, 4, dtype=torch.bool)
    raw[:6, 0] = True
    outcome = Satisfaction(ConstrainedRequest("single", (), torch.zeros(10, 1), 4), flags, ~flags, raw, flags.roll(-1))
    figures = satisfaction.satisfaction_summary([outcome])["all"]
    assert figures["raw_design"] == {"count": 6, "of": 32, "percent": 18.75}
    assert (figures["raw"]["count"], figures["returned"]["count"], figures["returned"]["of"]) == (6, 7, 8)
    share, z, count = 7 / 8, 1.959964, 8
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    assert figures["returned"]["percent_low"] == pytest.approx(100 * (middle - half), rel=1e-5)
    assert figures["returned"]["percent_high"] == pytest.approx(100 * (middle + half), rel=1e-5)
    assert satisfaction.percentage(figures["raw_design"]) == "18.8 % (6 of 32)"


def test_completion_is_the_pooled_return_or_the_ratio_where_no_context_has_room():
    none = {"mean": None, "mean_low": None, "mean_high": None}
    half = {"mean": 0.5, "mean_low": 0.25, "mean_high": 0.75}
    methods = {"pooled": {"normalised_return_pooled": half, "utility_ratio": none},
               "ratio": {"normalised_return_pooled": none, "utility_ratio": half},
               "neither": {"normalised_return_pooled": none}}
    found = satisfaction.completion_summary(methods, list(methods))
    assert found["pooled"] == found["ratio"] == {"percent": 50.0, "percent_low": 25.0, "percent_high": 75.0}
    assert found["neither"]["percent"] is None
