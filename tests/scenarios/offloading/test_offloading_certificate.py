"""The certified optimum against every assignment tried, with and without requests; generated columns against all."""

from unittest import mock

import pytest
import torch
from offloading_reference import assignments, parts

from aign.scenarios.core import CertificateKind, registry, satisfied
from aign.scenarios.core.constraints import parse
from aign.scenarios.offloading import certificate, member_sets
from aign.scenarios.offloading.limits import Limits

VARIANTS = [{}, {"energy": "cycles"}, {"interference": "active"}, {"guarantee": True}, {"mobility": True},
            {"access": "dense", "energy": "cycles", "servers": 2},
            {"energy": "cycles", "interference": "active", "guarantee": True}]
REQUESTS = [["late_users<=2"], ["on_time>=0.8"], ["max_delay<=3"], ["server_load<=0.4"], ["energy<=1.2"],
            ["offloaded<=0.35"], ["offloaded>=0.8"], ["late_users<=2", "offloaded<=0.5"], ["cost<=5"],
            ["max_delay<=4", "energy<=2", "server_load<=0.8"], ["late_users<1", "offloaded>0.5"]]


def small(count=3, seed=1, **parameters):
    scenario = registry.create("offloading", **{"servers": 3, "users": 5, **parameters})
    return scenario, scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def enumerated(scenario, context, constraints=()):
    """Return the best utility of all assignments that meet the constraints; minus infinity where none does."""
    server = torch.tensor(list(assignments(parts(scenario, context)[1])))
    contexts = context.expand(len(server), -1)
    designs = scenario.layout.design(scenario.layout.options(contexts), server)
    meets = satisfied(constraints, scenario.measure(contexts, designs), len(designs))
    return float(scenario.utility(contexts, designs).where(meets, -torch.inf).max())


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_the_optimum_is_that_of_all_assignments(parameters):
    scenario, contexts = small(**parameters)
    proven = scenario.certify(contexts)
    assert proven.kind is CertificateKind.UPPER_BOUND
    expected = torch.tensor([enumerated(scenario, context) for context in contexts], dtype=torch.float64)
    torch.testing.assert_close(proven.utility, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(scenario.utility(contexts, proven.design), expected, rtol=1e-12, atol=0)
    assert bool(proven.feasible.all())


@pytest.mark.parametrize("where", REQUESTS, ids=str)
@pytest.mark.parametrize("parameters", [{}, {"interference": "active"}, {"guarantee": True}], ids=str)
def test_the_optimum_under_requests_is_that_of_the_assignments_that_meet_them(parameters, where):
    scenario, contexts = small(**parameters)
    constraints = parse(where, scenario.labels)
    proven = scenario.certify(contexts, constraints)
    for row, context in enumerate(contexts):
        expected = enumerated(scenario, context, constraints)
        assert bool(proven.feasible[row]) == (expected > -torch.inf)
        assert bool(proven.proven_infeasible[row]) == (expected == -torch.inf)
        if expected > -torch.inf:
            assert float(proven.utility[row]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("where", [[], ["late_users<=1"], ["offloaded<=0.4", "energy<=3"], ["max_delay<=4"]], ids=str)
@pytest.mark.parametrize("parameters", [{}, {"access": "dense", "energy": "cycles"}], ids=str)
def test_generated_columns_prove_the_same_as_all_of_them(parameters, where):
    scenario, contexts = small(2, users=7, **parameters)
    limits = Limits.of(parse(where, scenario.labels), 7)
    for context in contexts:
        network = scenario.network(context[None])
        whole = certificate.best(network, limits)
        with mock.patch.object(certificate, "FEW", 0):
            generated = certificate.best(network, limits)
        assert (whole.server is None) == (generated.server is None)
        if whole.server is not None:
            assert generated.bound == pytest.approx(whole.bound, rel=1e-9)


@pytest.mark.parametrize(("energy", "share", "possible"), [
    ("cycles", 0.97, {False}), ("cycles", 0.999, {False, True}), ("cycles", 1.05, {True}),
    ("published", 0.5, {False, True}), ("published", 0.8, {True})])
def test_a_limit_on_energy_is_proven_alike_by_generated_columns_by_all_and_by_trying_all(energy, share, possible):
    scenario, contexts = small(3, access="dense", energy=energy)
    outcomes = set()
    for context in contexts:
        usual = float(scenario.measure(context[None], scenario.certify(context[None]).design)["energy"])
        constraints = parse([f"energy<={share * usual!r}"], scenario.labels)
        expected = enumerated(scenario, context, constraints)
        network, limits = scenario.network(context[None]), Limits.of(constraints, 5)
        for few in (0, certificate.FEW):
            with mock.patch.object(certificate, "FEW", few):
                assert -certificate.best(network, limits).bound == pytest.approx(expected, rel=1e-9)
        outcomes.add(expected > -torch.inf)
    assert outcomes == possible


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_no_assignment_within_a_limit_on_energy_costs_more_than_the_bound_says(parameters):
    scenario, contexts = small(2, **parameters)
    for context in contexts:
        server = torch.tensor(list(assignments(parts(scenario, context)[1])))
        rows = context.expand(len(server), -1)
        values = scenario.measure(rows, scenario.layout.design(scenario.layout.options(rows), server))
        for energy in values["energy"].quantile(torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)).tolist():
            limits = Limits.of(parse([f"energy<={energy!r}"], scenario.labels), 5)
            most = member_sets.MemberSets(scenario.network(context[None]), limits).most_cost
            assert float(values["cost"][values["energy"] <= energy].max()) <= most < torch.inf


def test_that_energy_cannot_be_saved_is_proven_without_adding_known_columns_again():
    scenario = registry.create("offloading", servers=8, users=24, access="dense", energy="cycles")
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(1))
    energy = float(scenario.measure(context, scenario.certify(context).design)["energy"])
    with mock.patch.object(certificate, "ROUNDS", 20):
        proven = scenario.certify(context, parse([f"energy<={0.98 * energy!r}"], scenario.labels))
    assert bool(proven.proven_infeasible)
    assert float(scenario.certify(context, parse([f"energy<={1.01 * energy!r}"], scenario.labels)).utility) == \
        pytest.approx(float(scenario.certify(context).utility), rel=1e-9)


def test_where_too_many_sets_remain_a_bound_below_the_design_is_left():
    scenario, contexts = small(1, users=8, access="dense", energy="cycles")
    network, limits = scenario.network(contexts), Limits.of([], 8)
    exact = certificate.best(network, limits).bound
    with mock.patch.object(certificate, "FEW", 0), mock.patch.object(certificate, "MOST", 0):
        left = certificate.best(network, limits)
    assert left.bound <= exact <= float(network.cost(left.server[None])) + 1e-12


def test_constraints_without_a_row_are_only_checked_and_said_to_be():
    scenario, contexts = small()
    constraints = parse(["late_users>=5"], scenario.labels)
    proven = scenario.certify(contexts, constraints)
    assert "ignores late_users>=5" in proven.statement
    assert torch.equal(proven.utility, scenario.certify(contexts).utility)
    assert not bool(proven.proven_infeasible.any())


@pytest.mark.parametrize("label", ["max_delay<=", "server_load<=", "energy<=", "late_users<=", "on_time>=",
                                   "offloaded<=", "offloaded>="])
def test_limits_that_the_optimum_just_meets_cost_nothing(label):
    scenario, contexts = small(12, users=8)
    best = scenario.certify(contexts)
    values = scenario.measure(contexts, best.design)[label[:-2]]
    for row, value in enumerate(values.tolist()):
        proven = scenario.certify(contexts[row:row + 1], parse([f"{label}{value!r}"], scenario.labels))
        assert bool(proven.feasible)
        assert float(proven.utility) == pytest.approx(float(best.utility[row]), rel=1e-12)


def test_a_limit_on_cost_below_the_optimum_is_proven_impossible():
    scenario, contexts = small()
    best = -scenario.certify(contexts).utility
    for factor, possible in ((1.001, True), (0.999, False)):
        text = [f"cost<={factor * float(best[0])}"]
        proven = scenario.certify(contexts[:1], parse(text, scenario.labels))
        assert (bool(proven.feasible[0]), bool(proven.proven_infeasible[0])) == (possible, not possible)


def test_where_nobody_is_worth_serving_all_compute_locally_if_the_request_allows():
    scenario, contexts = small(1)
    contexts[:, 10:15], contexts[:, 15:] = 1.0, 0.01 * (contexts[:, 15:] > 0)
    contexts[:, 5:10] = 10.0
    contexts[:, 15:18] = torch.tensor([1.0, 1.0, 1.0])  # the first user drowns out the others, and is served
    served = scenario.certify(contexts)
    assert float(scenario.measure(contexts, served.design)["offloaded"]) <= 0.2
    contexts[:, 15:] = 0.0
    nobody = scenario.certify(contexts)
    assert torch.equal(nobody.design, scenario.initial_state(contexts))
    for text, possible in (("max_delay<=100", True), ("max_delay<=0.1", False), ("offloaded>=0.2", False)):
        proven = scenario.certify(contexts, parse([text], scenario.labels))
        assert (bool(proven.feasible[0]), bool(proven.proven_infeasible[0])) == (possible, not possible)


def test_a_linear_program_that_comes_to_no_end_is_solved_from_the_start():
    scenario = registry.create("offloading", servers=10, users=36, access="dense", energy="cycles")
    contexts = scenario.draw_contexts(12, torch.Generator().manual_seed(5))[3:4]  # HiGHS once gave up on it
    proven = scenario.certify(contexts)
    torch.testing.assert_close(scenario.utility(contexts, proven.design), proven.utility, rtol=1e-9, atol=0)
