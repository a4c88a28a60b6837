"""What kinds of certificates prove, and that nothing but a kind passes for one."""

from itertools import pairwise

import pytest
import torch

from aign.scenarios.core.certificate import Certificate, CertificateKind

FOUND = torch.tensor([True, False])


def certificate(kind, **others):
    return Certificate(torch.zeros(2), torch.zeros(2, 3), FOUND, kind, "A statement.", **others)


def test_kinds_are_printed_as_readers_know_them_and_ordered_by_what_they_prove():
    assert [str(kind) for kind in CertificateKind] == ["best known", "upper bound", "exhaustive search"]
    assert [kind.strength for kind in CertificateKind] == [0, 1, 2]
    assert [kind.is_bound for kind in CertificateKind] == [False, True, True]


def test_what_bounds_some_designs_only_is_weaker_than_what_bounds_all_and_stronger_than_nothing():
    from_weakest = [certificate(CertificateKind.BEST_KNOWN), certificate(CertificateKind.UPPER_BOUND, conditional=True),
                    certificate(CertificateKind.UPPER_BOUND), certificate(CertificateKind.EXHAUSTIVE)]
    assert all(weak.strength < strong.strength for weak, strong in pairwise(from_weakest))


def test_only_a_bound_proves_that_what_was_not_found_is_impossible():
    assert [certificate(kind).proven_infeasible.tolist() for kind in CertificateKind] == [
        [False, False], [False, True], [False, True]]
    stated = certificate(CertificateKind.UPPER_BOUND, impossible=torch.zeros(2, dtype=torch.bool))
    assert not bool(stated.proven_infeasible.any())


def test_a_text_is_no_kind():
    with pytest.raises(TypeError, match="kind: given 'best known'; allowed: BEST_KNOWN, UPPER_BOUND, EXHAUSTIVE"):
        certificate("best known")
