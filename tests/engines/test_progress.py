import io

import pytest
from rich.console import Console

from aign.engines import messages
from aign.engines.progress import Progress, counted


@pytest.fixture
def screen(monkeypatch):
    written = io.StringIO()

    def use(terminal):
        monkeypatch.setattr(messages, "console", Console(file=written, force_terminal=terminal, width=140,
                                                        soft_wrap=True, highlight=False))
        return written

    return use


def test_plain_line_names_running_counts_only(screen):
    written = screen(terminal=False)
    with Progress("collect power", plain_line_seconds=0.0) as progress:
        for name in ("sac", "ppo", "random"):
            progress.add(name, 200)
        progress.update("sac", 50)
        progress.update("ppo", 200)
        progress.tick()
    assert written.getvalue() == "collect power | sac 50 of 200, elapsed 0:00\n"


def test_rate_and_time_left_count_from_where_a_resumed_job_began(screen, monkeypatch):
    now = [100.0]
    screen(terminal=False)
    with Progress("train") as progress:
        monkeypatch.setattr(progress.bars, "get_time", lambda: now[0])
        progress.add("steps", 1200)
        progress.update("steps", 0)
        for done in (1000, 1020, 1040):
            now[0] += 10.0
            progress.update("steps", done)
        progress.bars.tasks[0]._get_time = lambda: now[0]
        assert progress.line("steps") == "steps 1040 of 1200, 2/s, left 1:20, elapsed 0:30"


def test_plain_lines_keep_their_distance(screen):
    written = screen(terminal=False)
    with Progress("train", plain_line_seconds=3600.0) as progress:
        progress.add("steps", 10)
        for done in range(10):
            progress.update("steps", done)
            progress.tick()
    assert written.getvalue() == ""


def test_nothing_running_prints_no_empty_line(screen):
    written = screen(terminal=False)
    with Progress("train", plain_line_seconds=0.0) as progress:
        progress.add("steps", 10)
        progress.tick()
    assert written.getvalue() == ""


def test_terminal_shows_bars_with_counts_and_no_plain_line(screen):
    written = screen(terminal=True)
    with Progress("train", plain_line_seconds=0.0) as progress:
        progress.add("steps", 10)
        progress.update("steps", 4)
        progress.tick()
    assert "train steps" in written.getvalue()
    assert "4/10" in written.getvalue()
    assert "left" in written.getvalue()
    assert "elapsed" in written.getvalue()
    assert "4 of 10" not in written.getvalue()


def test_one_count_learns_its_total_from_the_first_report(screen):
    written = screen(terminal=True)
    with counted("publish", "episodes") as report:
        report(3, 8)
        report(8, 8)
    assert "publish episodes" in written.getvalue()
    assert "8/8" in written.getvalue()
