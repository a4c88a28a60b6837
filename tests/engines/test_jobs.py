import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from aign.engines import job as job_module
from aign.engines.jobs import Job, chosen, run_jobs
from aign.engines.local import Local, Running
from aign.engines.scratch import fingerprint
from aign.errors import AignError, ContextError, ParameterError, ResourceError
from aign.settings import EngineSettings, RunSettings


class OwnError(ContextError):
    """An error a job's own module derives."""


def write(report, path, text):
    report(1)
    Path(path).write_text(text)


def write_identity(report, path):
    import torch

    Path(path).write_text(f"{os.getpid()} {torch.get_num_threads()} {os.environ['OMP_NUM_THREADS']}")


def fail(report, error, message):
    raise error(message)


def die(report):
    os.kill(os.getpid(), signal.SIGKILL)


def do_nothing(report):
    report(1)


def meet(report, path, other):
    """Succeed only while the other job runs too."""
    path.with_suffix(".here").touch()
    while not other.with_suffix(".here").exists():
        time.sleep(0.01)
    path.touch()


def sleep(report, path):
    path.with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(60)


def flood(report, path):
    for done in range(100_000):
        report(done)
    path.touch()


def job(tmp_path, name, function, **arguments):
    return Job(name, 3, function, arguments, tmp_path / name)


def test_jobs_run_in_processes_of_their_own_with_the_threads_asked_for(tmp_path):
    run_jobs([job(tmp_path, "one", write_identity, path=tmp_path / "one")], workers=1, title="t", threads=2)
    assert (tmp_path / "one").read_text().split()[1:] == ["2", "2"]
    assert (tmp_path / "one").read_text().split()[0] != str(os.getpid())


def test_finished_jobs_are_resumed_not_run(tmp_path, capsys):
    (tmp_path / "old").write_text("kept")
    run_jobs([job(tmp_path, "old", fail, error=KeyError, message="ran"),
              job(tmp_path, "new", write, path=tmp_path / "new", text="x")], workers=2, title="collect a")
    assert (tmp_path / "old").read_text() == "kept"
    out = capsys.readouterr().out
    assert "collect a | old: finished in an earlier run, resumed" in out
    assert "collect a | new: 3 done in" in out


def test_workers_run_side_by_side(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run_jobs([job(tmp_path, "first", meet, path=first, other=second),
              job(tmp_path, "second", meet, path=second, other=first)], workers=2, title="t")
    assert second.exists()


def test_one_worker_runs_jobs_in_order(tmp_path):
    done = [job(tmp_path, name, write, path=tmp_path / name, text=name) for name in "ab"]
    failing = job(tmp_path, "c", fail, error=ContextError, message="stop")
    with pytest.raises(ContextError):
        run_jobs([done[0], failing, done[1]], workers=1, title="t")
    assert (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(("raised", "comes_back"), [(ContextError, ContextError), (AignError, AignError),
                                                    (OwnError, ContextError)])
def test_a_users_error_comes_back_as_itself(tmp_path, raised, comes_back):
    with pytest.raises(AignError) as caught:
        run_jobs([job(tmp_path, "one", fail, error=raised, message="gain[3] = -1")], workers=1, title="t")
    assert type(caught.value) is comes_back
    assert str(caught.value) == "gain[3] = -1"


def test_any_other_error_comes_back_with_its_traceback(tmp_path):
    with pytest.raises(RuntimeError) as caught:
        run_jobs([job(tmp_path, "one", fail, error=ZeroDivisionError, message="by zero")], workers=1, title="t")
    assert "Job 'one' failed" in str(caught.value)
    assert "ZeroDivisionError: by zero" in str(caught.value)
    assert "in fail" in str(caught.value)


@pytest.mark.parametrize(("function", "cause", "kind"), [(die, "killed by signal 9", ResourceError),
                                                         (do_nothing, "status 0", RuntimeError)])
def test_a_job_without_result_is_an_error(tmp_path, function, cause, kind):
    with pytest.raises(kind, match=f"'one' ended without its result.*{cause}"):
        run_jobs([job(tmp_path, "one", function)], workers=1, title="t")


def test_a_job_that_finds_no_memory_says_so(tmp_path):
    with pytest.raises(ResourceError, match=r"Job 'one': the machine has too little memory \(8 GB wanted\)"):
        run_jobs([job(tmp_path, "one", fail, error=MemoryError, message="8 GB wanted")], workers=1, title="t")


def test_a_failure_stops_the_other_jobs(tmp_path):
    with pytest.raises(ContextError):
        run_jobs([job(tmp_path, "sleeper", sleep, path=tmp_path / "sleeper"),
                  job(tmp_path, "failing", fail_after, path=tmp_path / "sleeper.pid")], workers=2, title="t")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "sleeper.pid").read_text()), 0)


def fail_after(report, path):
    while not (path.exists() and path.read_text()):
        time.sleep(0.01)
    raise ContextError("stop")


def test_many_reports_do_not_clog_the_line(tmp_path):
    run_jobs([job(tmp_path, "flood", flood, path=tmp_path / "flood")], workers=1, title="t")
    assert (tmp_path / "flood").exists()


def test_reports_that_follow_fast_are_dropped():
    told = []
    report = job_module.reporter(lambda news: told.append(news["done"]))
    for done in range(1000):
        report(done)
    assert told[0] == 0
    assert len(told) < 1000


def test_an_orphan_at_the_same_job_is_waited_for(tmp_path):
    lock = FileLock(tmp_path / "one.lock", thread_local=False)
    lock.acquire()

    def orphan_finishes():
        (tmp_path / "one").write_text("by the orphan")
        lock.release()

    timer = threading.Timer(2.0, orphan_finishes)
    timer.start()
    run_jobs([job(tmp_path, "one", write, path=tmp_path / "one", text="by the job")], workers=1, title="t")
    timer.join()
    assert (tmp_path / "one").read_text() == "by the orphan"


PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_jobs import job, sleep
from aign.engines.jobs import run_jobs
if __name__ == "__main__":
    folder = Path(sys.argv[2])
    run_jobs([job(folder, "one", sleep, path=folder / "one")], workers=1, title="t")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal is Linux's own")
def test_jobs_die_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script, Path(__file__).parent, tmp_path])
    pid_file = tmp_path / "one.pid"
    while not (pid_file.exists() and pid_file.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    pid = int(pid_file.read_text())
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the job outlived its parent")


class Gone:
    """A process that has ended."""

    exitcode = 0

    def is_alive(self):
        return False

    def join(self):
        pass


@pytest.mark.parametrize("news", [{"ended": True}, {"failed": "ContextError", "message": "no such gain"}])
def test_what_a_job_says_as_it_ends_is_heard_after_it_has_gone(tmp_path, news):
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    late = job(tmp_path, "late", do_nothing)
    late.result.write_text("done")
    there.send_bytes(json.dumps(news).encode())
    there.close()
    engine = Local(1, 1)
    engine.running.append(Running(late, Gone(), here))
    if "failed" in news:
        with pytest.raises(ContextError, match="no such gain"):
            engine.news()
    else:
        assert engine.news() == [(late, {"ended": True})]


@pytest.mark.parametrize(("text", "wanted"), [("", ("ray", "head:1")), ("local", ("local", "head:1")),
                                              ("ray", ("ray", "head:1")), ("ray:other:6379", ("ray", "other:6379"))])
def test_the_environment_overrides_the_engine_of_the_parameters(monkeypatch, text, wanted):
    monkeypatch.setenv("AIGN_ENGINE", text)
    engine = chosen(EngineSettings(kind="ray", address="head:1"))
    assert (engine.kind, engine.address) == wanted


@pytest.mark.parametrize("text", ["dask", "local:here", "Ray"])
def test_an_engine_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("AIGN_ENGINE", text)
    with pytest.raises(ParameterError, match=rf"AIGN_ENGINE={text}: allowed: local, ray"):
        chosen(EngineSettings())


def test_the_engine_enters_no_fingerprint():
    assert fingerprint(run=RunSettings()) == fingerprint(run=RunSettings(engine=EngineSettings(kind="ray")))
