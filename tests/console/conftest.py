"""One console for all tests of a file, on the models of the miniature pipeline."""

import pytest
from running import started


@pytest.fixture(scope="module")
def console(smoke, tmp_path_factory):
    """A running console; it writes what is accepted into its own folder."""
    folder = tmp_path_factory.mktemp("console")
    (folder / "models").symlink_to(smoke.folder / "models")
    (folder / "params.yaml").write_bytes((smoke.folder / "params.yaml").read_bytes())
    running = started(folder)
    yield running
    running.process.terminate()
    assert running.process.wait(timeout=30) in (0, -15)


@pytest.fixture
def client(console):
    """What asks the console over HTTP."""
    with console.client as client:
        yield client
