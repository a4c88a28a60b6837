import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.engines.scratch import code_version, die_with_parent, fingerprint, scratch
from aign.errors import StorageError
from aign.settings import RunSettings

PLAIN = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                     | st.text(), lambda inner: st.lists(inner, max_size=3)
                     | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)


@settings(max_examples=50)
@given(PLAIN, PLAIN)
def test_fingerprints_agree_exactly_where_canonical_json_does(first, second):
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (fingerprint(value=first) == fingerprint(value=second)) == same


def test_fingerprint_ignores_order_and_takes_settings_and_paths():
    run_settings = RunSettings(seed=1)
    key = fingerprint(run=run_settings, folder=Path("data/x"))
    assert key == fingerprint(folder="data/x", run=run_settings.model_dump())
    assert key != fingerprint(folder="data/x", run=RunSettings(seed=2))
    assert len(key) == 64


@pytest.mark.parametrize(("value", "error"), [(object(), TypeError), (float("nan"), ValueError)])
def test_fingerprint_refuses_what_has_no_json_form(value, error):
    with pytest.raises(error):
        fingerprint(value=value)


def test_code_version_follows_the_sources_of_the_rooms_only(tmp_path, monkeypatch):
    room = tmp_path / "scenarios"
    room.mkdir()
    (room / "one.py").write_text("a = 1\n")
    (room / "notes.txt").write_text("x")
    (tmp_path / "files.py").write_text("b = 1\n")
    monkeypatch.setattr("aign.engines.scratch.PACKAGE", tmp_path)
    before = code_version("scenarios")
    (room / "notes.txt").write_text("y")
    (tmp_path / "files.py").write_text("b = 2\n")
    assert code_version("scenarios") == before
    assert code_version("scenarios", "files") == code_version("files", "scenarios") != before
    (room / "one.py").write_text("a = 2\n")
    changed = code_version("scenarios")
    (room / "one.py").rename(room / "two.py")
    assert len({before, changed, code_version("scenarios")}) == 3
    with pytest.raises(ValueError, match="no part 'agent'"):
        code_version("agent")


def test_success_removes_the_folder_and_what_other_fingerprints_left(tmp_path):
    for key in ("old", "new"):
        with pytest.raises(FileNotFoundError), scratch("train", "a", key, tmp_path) as folder:
            leave(folder / "checkpoint", key)
    with scratch("train", "b", "other", tmp_path), scratch("train", "a", "new", tmp_path) as folder:
        assert (folder / "checkpoint").read_text() == "new"
        assert (tmp_path / "train" / "b" / "other").is_dir()
    assert [path.name for path in (tmp_path / "train").iterdir() if path.is_dir()] == []


def leave(path, text):
    """Write a file, then fail."""
    path.write_text(text)
    path.with_name("missing").read_text()


def test_resuming_is_said(tmp_path, capsys):
    with pytest.raises(RuntimeError), scratch("train", "a", "key", tmp_path):
        raise RuntimeError
    assert "resumes" not in capsys.readouterr().out
    with scratch("train", "a", "key", tmp_path):
        pass
    assert "train a | resumes the work in" in capsys.readouterr().out


def test_half_deleted_finished_work_is_never_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr("aign.engines.scratch.shutil.rmtree", lambda *_, **__: None)  # as if killed while deleting
    with scratch("train", "a", "key", tmp_path) as folder:
        (folder / "marker").touch()
    monkeypatch.undo()
    with scratch("train", "a", "key", tmp_path) as folder:
        assert list(folder.iterdir()) == []


def test_unwritable_root_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be made"), scratch("train", "a", "key", tmp_path / "file"):
        pass


HOLD = """
import sys, time
from pathlib import Path
from aign.engines import messages
from aign.engines.scratch import scratch
messages.show()
with scratch("train", "a", sys.argv[2], Path(sys.argv[1])) as folder:
    print("holding", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def run(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def test_a_second_run_waits_until_the_first_ends(tmp_path):
    first = run(HOLD, tmp_path, "key", 60)
    assert first.stdout.readline() == "holding\n"
    second = run(HOLD, tmp_path, "another", 0)
    assert "waiting for another run" in second.stdout.readline()
    assert second.poll() is None
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert second.stdout.read() == "holding\n"
    assert second.wait() == 0
    first.stdout.close()
    second.stdout.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal is Linux's own")
def test_child_dies_with_its_parent():
    child = "from aign.engines.scratch import die_with_parent; import time; die_with_parent(); " \
            "print('ready', flush=True); time.sleep(60)"
    parent = run("import subprocess, sys, time; one = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); "
                 "print(one.pid, flush=True); time.sleep(60)", child)
    pid = int(parent.stdout.readline())
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not alive(pid):
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def alive(pid):
    """Whether a process still runs; one that ended but was not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal is Linux's own")
def test_a_process_whose_parent_is_gone_ends_at_once():
    code = f"from aign.engines.scratch import die_with_parent; die_with_parent({os.getpid()} + 1); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_elsewhere_it_does_nothing(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: pytest.fail("called"))
    die_with_parent(parent=0)
