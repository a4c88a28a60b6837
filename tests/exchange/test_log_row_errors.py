import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aign.exchange.logs.row_errors import RowErrors

LINES = np.arange(2, 12)
MASKS = st.lists(st.booleans(), min_size=10, max_size=10).map(np.array)


@given(st.lists(MASKS, max_size=4))
def test_each_row_keeps_its_first_reason(masks):
    errors = RowErrors(LINES)
    for number, mask in enumerate(masks):
        errors.add(mask, lambda row, number=number: f"reason {number} of row {row}")
    expected = {}
    for number, mask in enumerate(masks):
        for row in np.flatnonzero(mask).tolist():
            expected.setdefault(int(LINES[row]), f"reason {number} of row {row}")
    assert dict(errors.entries()) == expected
    assert errors.wrong.tolist() == [line in expected for line in LINES.tolist()]
    assert len(errors) == len(expected)


def test_rows_fall_with_their_episode_unless_they_are_at_fault_themselves():
    errors = RowErrors(LINES, [(20, "cells: 1, the header has 2")])
    errors.add_row(2, "power[0]: 50 W, allowed: 0 to 3")
    errors.add_row(2, "a later reason")
    errors.reject(np.array([1, 2, 3]))
    assert errors.entries() == [(3, "its episode is rejected because of line 4"),
                                (4, "power[0]: 50 W, allowed: 0 to 3"),
                                (5, "its episode is rejected because of line 4"), (20, "cells: 1, the header has 2")]
    assert errors.first(1) == [(4, "power[0]: 50 W, allowed: 0 to 3")]
    assert errors.kinds() == {"the episode has a faulty row": 2, "power": 1, "cells": 1}
    assert errors.wrong.sum() == 3
    assert len(errors) == 4


def test_the_file_has_a_json_object_a_line(tmp_path):
    errors = RowErrors(LINES)
    errors.add_row(0, 'x: "quoted"…')
    errors.write(tmp_path / "rejected.jsonl")
    lines = (tmp_path / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"line": 2, "reason": 'x: "quoted"…'}]


def test_no_faults_are_an_empty_file(tmp_path):
    RowErrors(LINES).write(tmp_path / "rejected.jsonl")
    assert (tmp_path / "rejected.jsonl").read_bytes() == b""
