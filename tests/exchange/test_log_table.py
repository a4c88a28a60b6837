import csv
import decimal
import gzip
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
from aign.exchange.logs.table import NO_NUMBER, open_header, read_table


@pytest.fixture
def table(tmp_path):
    def write(content, columns, delimiter=None, empty=()):
        path = tmp_path / "log.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(open_header(path, delimiter), columns, empty)
    return write


def test_numbers_as_people_write_them(table):
    found = table("a\n1\n-2.5\n +3e2 \n.5\n7.\n", ["a"])
    assert found.numbers("a").tolist() == [1, -2.5, 300, 0.5, 7]
    assert len(found.errors) == 0


def test_cells_that_are_no_number_are_faults_of_their_line(table):
    found = table("a,b\n1,x\nabc,x\nnan,x\n,x\n1e999,x\n0x10,x\n1 2,x\n", ["a"])
    values = found.numbers("a")
    assert values[0] == 1
    assert np.isnan(values[1:]).all()
    assert [line for line, _ in found.errors.entries()] == [3, 4, 6, 7, 8]
    assert found.errors.entries()[0] == (3, "a: 'abc' is not a finite number")


def test_whole_numbers(table):
    found = table("a\n3\n4.0\n4.5\n1e300\n''\n", ["a"])
    assert found.whole_numbers("a").tolist() == [3, 4, NO_NUMBER, NO_NUMBER, NO_NUMBER]
    assert [line for line, _ in found.errors.entries()] == [4, 5, 6]


def test_flags(table):
    found = table("a,b\ntrue,\nFALSE,\n1,\n0,\n,\nmaybe,\n", ["a"])
    assert found.flags("a").tolist() == [True, False, True, False, False, False]
    assert found.errors.entries() == [(7, "a: 'maybe' is neither true nor false")]


@pytest.mark.parametrize("word", ["yes", "Y", "T", "TRUE", "on", "1.0"])
def test_flags_in_other_words(table, word):
    opposite = {"yes": "No", "Y": "n", "T": "f", "TRUE": "False", "on": "OFF", "1.0": "0.0"}[word]
    found = table(f"a\n{word}\n{opposite}\n", ["a"])
    assert found.flags("a").tolist() == [True, False]
    assert len(found.errors) == 0


def test_marks_of_empty_cells_are_those_that_are_said(table):
    content = "a,b,c\nNA,-,null\n1,x,Yes\n na ,N/A,\n"
    found = table(content, ["a", "b", "c"], empty=["NA", "-", "null", "N/A"])
    assert np.array_equal(found.numbers("a"), [np.nan, 1, np.nan], equal_nan=True)
    assert found.flags("c").tolist() == [False, True, False]
    assert len(found.errors) == 0
    assert found.texts("b").tolist() == ["", "x", ""]
    unsaid = table(content, ["a", "b", "c"])
    unsaid.numbers("a")
    assert unsaid.errors.entries()[0] == (
        2, "a: 'NA' is not a finite number; if it marks an empty cell, set empty: ['NA'] in the mapping")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_empty_lines_hold_nothing_wherever_they_stand(table, end):
    found = table(end.join(["", "  ", "a,b", "", "1,2", " ", "\t", "x,3", "4", "", ""]), ["a", "b"])
    assert found.lines.tolist() == [5, 8]
    found.numbers("a")
    assert found.errors.entries() == [(8, "a: 'x' is not a finite number"), (9, "cells: 1, the header has 2")]


def test_a_row_of_empty_cells_is_a_row(table):
    assert table("a,b\n,\n1,2\n", ["a", "b"]).lines.tolist() == [2, 3]
    assert table("a\tb\n\t\n1\t2\n", ["a", "b"], "\t").lines.tolist() == [2, 3]


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "a,b\n\n\n"])
def test_a_header_alone_is_a_table_without_rows(table, content):
    found = table(content, ["a", "b"])
    assert len(found) == len(found.errors) == found.numbers("a").size == 0


def test_texts(table):
    found = table("a,b\n x ,1\n,2\nlonger,3\n", ["a"])
    assert found.texts("a", longest=3).tolist() == ["x", "", "longer"]
    assert found.errors.entries() == [(3, "a: the cell is empty"), (4, "a: 'longer' is longer than 3 bytes")]


def test_rows_of_a_wrong_number_of_cells_do_not_shift_the_lines(table):
    found = table("a,b\n1,2\n1\n3,x\n\n1,2,3\n5,y\n", ["a", "b"])
    assert found.lines.tolist() == [2, 4, 7]
    found.numbers("b")
    assert found.errors.entries() == [(3, "cells: 1, the header has 2"), (4, "b: 'x' is not a finite number"),
                                      (6, "cells: 3, the header has 2"), (7, "b: 'y' is not a finite number")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_every_kind(table, end, last):
    found = table(end.join(["a", "1", "2", "x"]) + end * last, ["a"])
    found.numbers("a")
    assert found.errors.entries() == [(4, "a: 'x' is not a finite number")]


def test_quotes_delimiters_and_byte_order_marks(table, tmp_path):
    found = table('\ufeffa;b\n"1";"x;y"\n2;z\n', ["a", "b"], ";")
    assert found.numbers("a").tolist() == [1, 2]
    assert found.texts("b").tolist() == ["x;y", "z"]
    assert open_header(tmp_path / "log.csv", ";").names == ("a", "b")


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
    found = read_table(open_header(path), ["number", "text"])
    assert found.numbers("number").tolist() == [number for number, _ in rows]
    assert found.texts("text").tolist() == [text.strip() for _, text in rows]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_a_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "log.csv"
    path.write_bytes(b"a,b\n" + content)
    try:
        found = read_table(open_header(path), ["a", "b"])
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
    lines = [line for line, _ in found.errors.entries()]
    assert len(set(lines)) == len(lines)
    filled = [line for line in content.splitlines() if line.decode().strip()]
    assert len(found) + len(found.errors.unreadable) == len(filled)


def test_parquet_columns_of_every_kind_of_number(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({
        "whole": pa.array([1, 2, None], pa.int16()), "real": pa.array([0.5, math.inf, math.nan], pa.float32()),
        "exact": pa.array([decimal.Decimal("1.25"), None, None]), "flag": [True, False, None],
        "text": pa.array(["x", "y", None]).dictionary_encode(), "list": [[1], [2], [3]]}), path)
    found = read_table(open_header(path), ["whole", "real", "exact", "flag", "text"])
    assert found.lines.tolist() == [1, 2, 3]
    assert np.array_equal(found.numbers("whole"), [1, 2, np.nan], equal_nan=True)
    assert np.array_equal(found.numbers("exact"), [1.25, np.nan, np.nan], equal_nan=True)
    assert found.flags("flag").tolist() == [True, False, False]
    assert found.numbers("flag")[:2].tolist() == [1, 0]
    assert len(found.errors) == 0
    found.numbers("real")
    assert found.errors.entries() == [(2, "real: 'inf' is not a finite number")]
    assert found.texts("text").tolist() == ["x", "y", ""]
    with pytest.raises(DatasetError, match="column 'list' holds list"):
        read_table(open_header(path), ["list"])


@pytest.mark.parametrize(("name", "content", "why"), [
    ("log.csv", b"", "not readable as csv"), ("log.parquet", b"PAR1 nonsense", "not readable as parquet"),
    ("log.xlsx", b"x", "Unknown kind of table"), ("log", b"x", "Unknown kind of table"),
    ("log.json.gz", b"x", "Unknown kind of table '.json.gz'"),
    ("log.csv", b"\n \n", "it is empty"), ("log.csv", b'a,"b\n1,2\n', "quotes do not match"),
    ("log.csv.gz", b"a,b\n", "not readable as csv.gz"),
    ("log.csv.gz", gzip.compress(b"a,b\n" * 99, mtime=0)[:12], "not readable as csv.gz")])
def test_files_that_are_no_table_are_refused(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=why):
        open_header(tmp_path / name)


def test_a_compressed_file_that_ends_early_is_refused(tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress("".join(f"{number},{number ** 3}\n" for number in range(10_000)).encode())[:-9])
    with pytest.raises(DatasetError, match=r"not readable as csv\.gz"):
        read_table(open_header(path), ["0"])


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        open_header(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DatasetError, match="not readable"):
        open_header(tmp_path / "folder.csv")


def test_csv_and_parquet_of_one_table_are_the_same(tmp_path):
    frame = pd.DataFrame({"a": [0.1, 2.0, np.nan], "b": ["x", "y", "z"]})
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_parquet(tmp_path / "log.parquet")
    one, two = (read_table(open_header(tmp_path / f"log.{kind}"), ["a", "b"]) for kind in ("csv", "parquet"))
    assert np.array_equal(one.numbers("a"), two.numbers("a"), equal_nan=True)
    assert one.texts("b").tolist() == two.texts("b").tolist()


@pytest.mark.parametrize(("name", "delimiter"), [("log.tsv", "\t"), ("log.txt", ","), ("LOG.CSV", ","),
                                                 ("log.csv.gz", ","), ("log.tsv.gz", "\t"), ("log.txt.gz", ",")])
def test_other_endings_hold_the_same_table(tmp_path, name, delimiter):
    content = "run,value\nx,1\ny,abc\n".replace(",", delimiter).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found = read_table(open_header(path), ["run", "value"])
    assert found.texts("run").tolist() == ["x", "y"]
    assert found.numbers("value")[0] == 1
    assert found.errors.entries() == [(3, "value: 'abc' is not a finite number")]


def test_columns_that_are_not_read_may_share_a_name_or_have_none(table, tmp_path):
    found = table("a,,note,note, b \n1,u,v,w,2\n", ["a", "b"])
    assert (found.numbers("a").tolist(), found.numbers("b").tolist()) == ([1], [2])
    pq.write_table(pa.Table.from_arrays([pa.array([n]) for n in range(4)], names=["note", " a ", "note", ""]),
                   tmp_path / "log.parquet")
    header = open_header(tmp_path / "log.parquet")
    assert header.names == ("note", "a", "note", "")
    assert read_table(header, ["a"]).numbers("a").tolist() == [1]
