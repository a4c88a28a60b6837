"""Which request becomes the worked example; the cells themselves run in test_constraints_study.py."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from aign.studies import constraint_cells

ANSWERS = [("pair", 9), ("triple", 2), ("triple", 5), ("triple", 5), ("infeasible", 0), ("triple", 3)]
"""Family and number of good designs of each request, in the order asked."""


@pytest.fixture
def finished(monkeypatch):
    """What the cell `answered` writes for ANSWERS, with generation and judgement replaced by the numbers above."""
    asked = [SimpleNamespace(family=family, place=place, good=good, context=None, constraints=())
             for place, (family, good) in enumerate(ANSWERS)]
    designs = SimpleNamespace(designs=[None], raw_feasible=[None])
    found: dict = {}
    for name, stand_in in {
        "store": SimpleNamespace(load=lambda model: None), "requests_in": lambda requests: (None, asked),
        "final_designs": lambda dataset: None,
        "answer": lambda pipeline, request, sampling, seed: SimpleNamespace(feasible=request.origin != "infeasible",
                                                                            candidates=designs),
        "judged": lambda scenario, one, returned, met, memory: {"good": one.good},
        "shown": lambda scenario, one, answer: {"place": one.place},
        "cells": SimpleNamespace(begin=lambda folder: None, finish=lambda folder, **result: found.update(result)),
    }.items():
        monkeypatch.setattr(constraint_cells, name, stand_in)
    constraint_cells.answered(lambda done: None, Path(), Path(), Path(), [], [], 16, None, 0)
    return found


def test_the_example_is_the_first_triple_with_the_most_good_answers(finished):
    assert finished["example"] == {"place": 2}


def test_every_request_has_a_row_and_only_the_impossible_one_is_called_so(finished):
    assert [row["family"] for row in finished["rows"]] == [family for family, _ in ANSWERS]
    assert [row["called_infeasible"] for row in finished["rows"]] == [False] * 4 + [True, False]
    assert "good" not in finished["rows"][4]
