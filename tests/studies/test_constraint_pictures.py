import pytest

from studies.constraint_files import example_answers, satisfaction, utility
from studies.figures import save

FIGURES = {"satisfied_raw": 0.75, "satisfied_raw_single": 0.25}
EXAMPLE = {"where": ["total_power<=40", "min_rate>=3"], "optimum": 20.0, "certified": True, "designs": [
    {"design": [float(level), 10.0], "utility": 19.0 + level / 100, "feasible": True,
     "labels": {"total_power": 10.0 + level, "min_rate": 3.5}} for level in (20, 22, 24, 26)]}


def row(ratio, certified=True):
    return {"certified": certified, "utility_ratio": ratio}


def test_bars_are_the_best_of_all_designs_in_percent():
    figure = satisfaction({"main": {"single": FIGURES, "pair": FIGURES}, "masked": {"single": FIGURES}})
    assert [axes.get_title() for axes in figure.axes] == ["single", "pair"]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [75, 75]
    assert [bar.get_width() for bar in figure.axes[1].patches] == [75, 0]
    assert list(figure.axes[0].lines[0].get_xdata()) == [25, 25]


def test_boxes_are_of_certified_requests_only():
    figure = utility({"main": [row(0.99), row(0.9, certified=False), row(None)], "none": [row(1.0, certified=False)]})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["main"]
    assert list(figure.axes[0].lines[0].get_xdata()) == pytest.approx([0.01, 0.01])


def test_the_example_has_a_panel_for_each_design_with_its_labels():
    figure = example_answers(EXAMPLE)
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == 4
    assert [bar.get_height() for bar in shown[1].patches] == [22, 10]
    assert "total_power 32, min_rate 3.5" in shown[1].get_title()
    assert "96.100%" in shown[1].get_title()


def test_pictures_repeat_to_the_byte(tmp_path):
    rows, families = {"main": [row(0.99), row(0.98)]}, {"single": FIGURES}
    for place in ("a", "b"):
        figures = [satisfaction({"main": families}), utility(rows), example_answers(EXAMPLE)]
        for number, figure in enumerate(figures):
            save(figure, tmp_path / place / f"{number}.png")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
