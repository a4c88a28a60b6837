import re
from pathlib import Path

import pytest

from aign.exchange.logs.header import MAX_NAMES, Header, read_header

ROWS = "run,tick,gain_0,gain_1\nr,0,1.5,2.5\n"


@pytest.fixture
def lacks(tmp_path):
    """Return what is said of a column that a file lacks."""
    def said(content, pattern="run", delimiter=None, name="log.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return read_header(path, delimiter).lacks(repr(pattern), pattern)
    return said


def test_the_names_that_are_there_are_listed(lacks):
    assert re.search(r"log\.csv has no column 'watt'\. Its names \(line 1\): 'run', 'tick', 'gain_0', 'gain_1'\.$",
                     lacks(ROWS, "watt"))


@pytest.mark.parametrize(("content", "pattern", "hint"), [
    (ROWS.replace(",", ";"), "run", 'set delimiter: ";" in the mapping'),
    (ROWS.replace(",", "\t"), "gain_([0-9]+)", r'set delimiter: "\\t" in the mapping'),
    (ROWS.replace(",", "|"), "tick", r'set delimiter: "\|" in the mapping'),
    ("sep=,\n" + ROWS, "run", "delete the lines above line 2, which has the names"),
    ("# controller 3.2\n\n# south\n" + ROWS, "run", "delete the lines above line 4, which has the names"),
    (ROWS.upper(), "run", "write 'RUN' in the mapping, with the file's capitals"),
    (ROWS.upper(), "gain_([0-9]+)", "write 'GAIN_0' in the mapping"),
    ("sep=;\n" + ROWS.replace(",", ";"), "run",
     'delete the lines above line 2, which has the names; set delimiter: ";" in the mapping'),
    ("title\n" + ROWS.upper().replace(",", ";"), "run",
     "above line 2, which has the names; set delimiter: \";\" in the mapping; write 'RUN' in the mapping")])
def test_what_would_let_it_be_found_is_said(lacks, content, pattern, hint):
    assert re.search(f"To fix it: .*{hint}", lacks(content, pattern))


@pytest.mark.parametrize("content", ["x\n", "a,b\n1,2\n", 'a,b\n"1,2\n'])
def test_nothing_is_said_where_nothing_would_help(lacks, content):
    assert "fix" not in lacks(content)


def test_long_lists_and_long_names_are_cut():
    said = Header(Path("log.csv"), ("n" * 500, *(f"c{i}" for i in range(MAX_NAMES + 9)))).lacks("'x'", "x")
    assert "and 10 more" in said
    assert len(said) < 600


def test_names_lose_their_blanks_and_byte_order_mark_and_empty_lines_above_them(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("\ufeff\n  \n run, tick ,\"gain,0\", \n", encoding="utf-8")
    header = read_header(path)
    assert header.names == ("run", "tick", "gain,0", "")
    assert header.line == 3
