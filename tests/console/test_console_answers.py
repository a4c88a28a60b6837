"""How good a design is said to be: no more than the certificate proves."""

import pytest

from aign.console.answers import standing


def said(gap, certificate="upper bound", objectives=(None,), **more):
    return standing({"designs": [{"gap": 0.5}, {"gap": gap}], "certificate": certificate, "where": ["cost<=3"],
                     "objectives": list(objectives), "runner_up": None, "feasible": True, **more}, 2)


@pytest.mark.parametrize(("gap", "certificate", "objectives", "sentences"), [
    (0.0123, "upper bound", (None,), ["No design can be better by more than 1.23%: that is proven."]),
    (1e-9, "exhaustive search", (None,), ["No design can be better: that is proven."]),
    (-1e-9, "upper bound", (None,), ["No design can be better: that is proven."]),
    (0.02, "best known", (None,),
     ["It is 2.00% behind the best design known; that no design is better is not proven."]),
    (0.02, "best known", ({"label": "cost"},), ["No design can be better by more than 2.00%: that is proven."]),
    (None, "upper bound", (None,), [])])
def test_the_gap_in_words(gap, certificate, objectives, sentences):
    assert said(gap, certificate, objectives) == sentences


def test_a_request_without_constraints_says_so():
    assert said(None, where=[]) == ["The request has no constraints, so none holds this design back."]
