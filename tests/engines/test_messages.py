import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.engines import messages


def test_say_prints_one_unwrapped_line_and_takes_brackets_literally(capsys):
    message = "word [red] " * 40
    messages.say("collect power-20", message.strip())
    assert capsys.readouterr().out == f"collect power-20 | {message.strip()}\n"


def test_a_program_that_configures_no_logging_hears_nothing():
    code = ("from pathlib import Path\nfrom aign.engines import messages\nfrom aign.engines.progress import Progress\n"
            "messages.made('train', Path('.'))\nwith Progress('train', plain_line_seconds=0.0) as progress:\n"
            "    progress.add('steps', 2)\n    progress.update('steps', 1)\n    progress.tick()\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    told = subprocess.run([sys.executable, "-c", f"import logging\nlogging.basicConfig(level=logging.INFO)\n{code}"],
                          capture_output=True, text=True, check=True)
    assert "INFO:aign:train | made ." in told.stderr


def test_showing_twice_prints_once(capsys):
    messages.show()
    messages.show()
    messages.say("train", "once")
    assert capsys.readouterr().out == "train | once\n"


def test_messages_reach_the_handlers_of_the_program(caplog):
    with caplog.at_level(logging.INFO, logger="aign"):
        messages.measured("evaluate", gap=0.5)
    assert [record.getMessage() for record in caplog.records] == ["evaluate | measured gap 0.5"]


def test_warnings_go_to_standard_error_unwrapped(capsys):
    messages.warn("warning: [red] " + "word " * 60)
    assert capsys.readouterr() == ("", "warning: [red] " + "word " * 60 + "\n")


def test_read_and_made_tell_files_and_size(tmp_path, capsys):
    (tmp_path / "inner").mkdir()
    (tmp_path / "one").write_bytes(b"x" * 1500)
    (tmp_path / "inner" / "two").write_bytes(b"x" * 500)
    messages.read("train", tmp_path / "one")
    messages.made("train", tmp_path)
    messages.read("train", tmp_path / "none")
    read, made, missing = capsys.readouterr().out.splitlines()
    assert read == f"train | read {tmp_path / 'one'} (1.5 kB)"
    assert made == f"train | made {tmp_path} (2 files, 2.0 kB)"
    assert missing.endswith("(missing)")


def test_measured_shows_names_in_words_and_four_digits(capsys):
    messages.measured("evaluate", mean_gap=0.123456, designs=64, kind="exact")
    assert capsys.readouterr().out == "evaluate | measured mean gap 0.1235, designs 64, kind exact\n"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"),
                                               (3723, "1:02:03"), (-5, "0:00")])
def test_duration(seconds, text):
    assert messages.duration(seconds) == text


@given(st.integers(0, 10**15))
def test_size_is_right_to_one_decimal_and_below_a_thousand(count):
    number, unit = messages.size(count).split()
    scale = 1000 ** messages.UNITS.index(unit)
    assert abs(float(number) * scale - count) <= 0.0501 * scale
    assert float(number) < 1000 or unit == "TB"
