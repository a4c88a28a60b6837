"""How answers are shown, apart from any network."""

import pytest
from rich.console import Console

from aign.designs.table import WRITTEN_OUT, design_table, write_together, written_out


def test_the_terminal_leaves_out_the_end_of_a_long_design():
    assert written_out([1.0, 2.5]) == "1 2.5"
    text = written_out([0.0] * (WRITTEN_OUT + 1))
    assert text.endswith(f" ... ({WRITTEN_OUT + 1} values)")
    assert text.count("0 ") == WRITTEN_OUT


def test_designs_that_miss_the_request_and_gaps_that_do_not_exist_are_marked():
    row = {"rank": 1, "feasible": True, "utility": 2.5, "gap": 0.01, "total_power": 3.0}
    console = Console(width=80, record=True)
    rows = [row, row | {"feasible": False, "gap": None}]
    console.print(design_table("title", ["caption [kept]"], ["total_power"], rows))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["1", "yes", "2.5000", "1.000%", "3"] in lines
    assert ["1", "no", "2.5000", "-", "3"] in lines
    assert ["caption", "[kept]"] in lines


def test_files_are_written_together_or_not_at_all(tmp_path):
    def fails(path):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_together(tmp_path / "v1.2", {".txt": lambda path: path.write_text("a"), ".json": fails})
    assert list(tmp_path.iterdir()) == []
    write_together(tmp_path / "v1.2", {".txt": lambda path: path.write_text("a")})
    assert (tmp_path / "v1.2.txt").read_text() == "a"


@pytest.mark.parametrize(("labels", "whole"), [(["jain_fairness", "reliability"], True),
                                               ([f"energy_efficiency_{place}" for place in range(6)], False)])
def test_figures_are_never_cut_nor_headings_where_there_is_room(labels, whole):
    row = {"rank": 1, "feasible": True, "utility": 2.5, "gap": 0.01, **dict.fromkeys(labels, 0.8125)}
    console = Console(width=80, record=True)
    console.print(design_table("title", [], labels, [row]))
    words = console.export_text().split()
    assert words.count("0.8125") == len(labels)
    assert ("fairness" in words and "reliability" in words) == whole
