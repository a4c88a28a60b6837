"""The layer over the solver against enumeration."""

import itertools

import numpy as np
import pytest

from aign.errors import SolverError
from aign.scenarios.core import integer_program
from aign.scenarios.core.integer_program import IntegerProgram


def rows(program, low, matrix, columns):
    for bound, row in zip(low, matrix, strict=True):
        program.row(float(bound), dict(zip(columns.tolist(), row.tolist(), strict=True)))


@pytest.mark.parametrize("seed", range(5))
def test_optimum_agrees_with_enumeration(seed):
    generator = np.random.default_rng(seed)
    cost, matrix = generator.uniform(1, 3, 4), generator.integers(0, 3, (5, 4)).astype(float)
    low = matrix @ generator.integers(0, 4, 4) * 0.9
    program = IntegerProgram(0.0)
    columns = program.columns(cost, 0.0, 4.0, whole=True)
    rows(program, low, matrix, columns)
    program.row(-np.inf, {int(columns[0]): 1.0, int(columns[1]): 1.0}, 6.0)
    points = np.array(list(itertools.product(range(5), repeat=4)))
    allowed = (points @ matrix.T >= low - 1e-9).all(1) & (points[:, :2].sum(1) <= 6)
    solved, best = program.solve(), (points[allowed] @ cost).min()
    assert solved.values @ cost == pytest.approx(best)
    assert solved.bound == pytest.approx(best)


def test_added_rows_tighten_and_at_last_nothing_is_left():
    program = IntegerProgram(0.0)
    columns = program.columns(np.array([1.0, 2.0]), 0.0, 5.0, whole=True)
    bounds = []
    for least in (1.5, 4.5, 7.5, 11.0):
        program.row(least, {int(column): 1.0 for column in columns})
        bounds.append(program.solve().bound)
    assert bounds == [2.0, 5.0, 11.0, np.inf]
    assert program.solve().values is None


def test_columns_need_not_be_whole():
    program = IntegerProgram(0.0)
    columns = program.columns(np.array([1.0]), 0.0, 9.0, whole=False)
    rows(program, np.array([5.0]), np.array([[2.0]]), columns)
    solved = program.solve()
    assert solved.values.tolist() == pytest.approx([2.5])
    assert solved.bound == pytest.approx(2.5)


@pytest.mark.parametrize("nodes", [0, 1])
def test_a_search_cut_short_leaves_a_bound_or_says_that_it_has_none(monkeypatch, nodes):
    def solved():
        generator = np.random.default_rng(0)
        program = IntegerProgram(0.0)
        columns = program.columns(generator.uniform(1, 3, 30), 0.0, 4.0, whole=True)
        matrix = generator.integers(0, 3, (30, 30)).astype(float)
        rows(program, matrix @ generator.integers(0, 4, 30) * 0.9, matrix, columns)
        return program.solve()

    best = solved().bound
    monkeypatch.setattr(integer_program, "NODES", nodes)
    short = solved()
    assert short.bound < best
    assert (short.bound > -np.inf) == bool(nodes)


def test_a_program_without_an_optimum_is_an_error_and_no_figure(monkeypatch):
    program = IntegerProgram(0.0)
    program.columns(np.array([-1.0]), 0.0, np.inf, whole=True)
    program._solver.setOptionValue("presolve", "off")
    with pytest.raises(SolverError, match=r"1 columns: Unbounded\. Nothing is certified"):
        program.solve()
