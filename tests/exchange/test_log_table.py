import csv
import decimal
import io
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import DatasetError
from aign.exchange.logs.table import column_names, read_table


@pytest.fixture
def table(tmp_path):
    def write(content, columns, delimiter=","):
        path = tmp_path / "log.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, columns, delimiter)
    return write


def test_numbers_as_people_write_them(table):
    found = table("a\n1\n-2.5\n +3e2 \n.5\n7.\n", ["a"])
    assert found.numbers("a").tolist() == [1, -2.5, 300, 0.5, 7]
    assert len(found.faults) == 0


def test_cells_that_are_no_number_are_faults_of_their_line(table):
    found = table("a,b\n1,x\nabc,x\nnan,x\n,x\n1e999,x\n0x10,x\n1 2,x\n", ["a"])
    values = found.numbers("a")
    assert values[0] == 1
    assert np.isnan(values[1:]).all()
    assert [line for line, _ in found.faults.entries()] == [3, 4, 6, 7, 8]
    assert found.faults.entries()[0] == (3, "a: 'abc' is no finite number")


def test_whole_numbers(table):
    found = table("a\n3\n4.0\n4.5\n1e300\n''\n", ["a"])
    assert found.whole_numbers("a").tolist() == [3, 4, 0, 0, 0]
    assert [line for line, _ in found.faults.entries()] == [4, 5, 6]


def test_flags(table):
    found = table("a,b\ntrue,\nFALSE,\n1,\n0,\n,\nmaybe,\n", ["a"])
    assert found.flags("a").tolist() == [True, False, True, False, False, False]
    assert found.faults.entries() == [(7, "a: 'maybe' is neither true nor false")]


def test_texts(table):
    found = table("a,b\n x ,1\n,2\nlonger,3\n", ["a"])
    assert found.texts("a", longest=3).tolist() == ["x", "", "longer"]
    assert found.faults.entries() == [(3, "a: the cell is empty"), (4, "a: 'longer' is longer than 3 bytes")]


def test_rows_of_a_wrong_number_of_cells_do_not_shift_the_lines(table):
    found = table("a,b\n1,2\n1\n3,x\n\n1,2,3\n5,y\n", ["a", "b"])
    assert found.lines.tolist() == [2, 4, 5, 7]
    found.numbers("b")
    assert found.faults.entries() == [(3, "cells: 1, the header has 2"), (4, "b: 'x' is no finite number"),
                                      (6, "cells: 3, the header has 2"), (7, "b: 'y' is no finite number")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_every_kind(table, end, last):
    found = table(end.join(["a", "1", "2", "x"]) + end * last, ["a"])
    found.numbers("a")
    assert found.faults.entries() == [(4, "a: 'x' is no finite number")]


def test_quotes_delimiters_and_byte_order_marks(table, tmp_path):
    found = table('\ufeffa;b\n"1";"x;y"\n2;z\n', ["a", "b"], ";")
    assert found.numbers("a").tolist() == [1, 2]
    assert found.texts("b").tolist() == ["x;y", "z"]
    assert column_names(tmp_path / "log.csv", ";") == ["a", "b"]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n\xff\xfe,3\n", b"a,b\n1,2\n\xc3", "a,b\n1,2\n".encode("utf-16")])
def test_a_file_that_is_not_utf_8_is_refused(table, content):
    with pytest.raises(DatasetError, match=r"UTF-8|utf-8"):
        table(content, ["a"])


def test_a_line_break_in_a_cell_is_refused(table):
    with pytest.raises(DatasetError, match="line break"):
        table('a,b\n"1\n",2\n3,4\n', ["a"])


@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.text("ab ,;\"'x0", max_size=4)),
                min_size=1, max_size=8))
def test_a_csv_reads_as_it_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "log.csv"
    out = io.StringIO()
    csv.writer(out).writerows([("number", "text"), *((repr(number), text) for number, text in rows)])
    path.write_text(out.getvalue())
    found = read_table(path, ["number", "text"], ",")
    assert found.numbers("number").tolist() == [number for number, _ in rows]
    assert found.texts("text").tolist() == [text.strip() for _, text in rows]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_a_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "log.csv"
    path.write_bytes(b"a,b\n" + content)
    try:
        found = read_table(path, ["a", "b"], ",")
        found.numbers("a")
        found.texts("b", 8)
        found.flags("b")
        said = ""
    except DatasetError as error:
        said = str(error)
    if said:
        assert said.startswith(str(path))
        return
    content.decode()  # else it had to be refused
    lines = [line for line, _ in found.faults.entries()]
    assert len(set(lines)) == len(lines)
    assert len(found) + len(found.faults.unreadable) == len((b"a,b\n" + content).splitlines()) - 1


def test_parquet_columns_of_every_kind_of_number(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({
        "whole": pa.array([1, 2, None], pa.int16()), "real": pa.array([0.5, math.inf, math.nan], pa.float32()),
        "exact": pa.array([decimal.Decimal("1.25"), None, None]), "flag": [True, False, None],
        "text": pa.array(["x", "y", None]).dictionary_encode(), "list": [[1], [2], [3]]}), path)
    found = read_table(path, ["whole", "real", "exact", "flag", "text"], ",")
    assert found.lines.tolist() == [1, 2, 3]
    assert np.array_equal(found.numbers("whole"), [1, 2, np.nan], equal_nan=True)
    assert np.array_equal(found.numbers("exact"), [1.25, np.nan, np.nan], equal_nan=True)
    assert found.flags("flag").tolist() == [True, False, False]
    assert found.numbers("flag")[:2].tolist() == [1, 0]
    assert len(found.faults) == 0
    found.numbers("real")
    assert found.faults.entries() == [(2, "real: 'inf' is no finite number")]
    assert found.texts("text").tolist() == ["x", "y", ""]
    with pytest.raises(DatasetError, match="column 'list' holds list"):
        read_table(path, ["list"], ",")


@pytest.mark.parametrize(("name", "content", "why"), [
    ("log.csv", b"", "not readable as csv"), ("log.parquet", b"PAR1 nonsense", "not readable as parquet"),
    ("log.xlsx", b"x", "Unknown kind of table"), ("log.csv", b"a,a\n1,2\n", "stands twice")])
def test_files_that_are_no_table_are_refused(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=why):
        column_names(tmp_path / name, ",")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        column_names(tmp_path / "none.csv", ",")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DatasetError, match="not readable"):
        column_names(tmp_path / "folder.csv", ",")


def test_csv_and_parquet_of_one_table_are_the_same(tmp_path):
    frame = pd.DataFrame({"a": [0.1, 2.0, np.nan], "b": ["x", "y", "z"]})
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_parquet(tmp_path / "log.parquet")
    one, two = (read_table(tmp_path / f"log.{kind}", ["a", "b"], ",") for kind in ("csv", "parquet"))
    assert np.array_equal(one.numbers("a"), two.numbers("a"), equal_nan=True)
    assert one.texts("b").tolist() == two.texts("b").tolist()
