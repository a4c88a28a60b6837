"""The command `aign console`: what it says where it cannot start."""

import socket
import sys
from unittest import mock

from smoke import aign


def test_a_port_in_use_is_one_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = aign("console", "--port", taken.getsockname()[1])
    assert outcome.code == 2
    assert "cannot be used" in outcome.err
    assert "0 for any free" in outcome.err.replace("\n", " ")


def test_without_its_packages_it_names_the_extra():
    with mock.patch.dict(sys.modules, {"uvicorn": None}):
        outcome = aign("console")
    assert outcome.code == 2
    assert "pip install 'aign[console]'" in outcome.err


def test_it_listens_on_this_machine_only():
    from aign.cli.console import listening

    with listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_whoever_connects_as_soon_as_the_address_is_told_is_not_refused():
    from aign.cli.console import listening

    with listening(0) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass
