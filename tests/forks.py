"""Python programs that start in a fork of a process which holds the heavy libraries, instead of importing them anew.

`serve()` gives a program `python` that takes what Python takes (`[-P] FILE | FOLDER | -m MODULE | -c CODE`,
arguments) and behaves alike: a process of its own with the caller's folder, variables, streams and status. The code of
this repository is not among what is held: each program imports that of its own path.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

LIBRARIES = ("datasets", "diffusers", "dvc.cli.parser", "dvc.repo.experiments.queue.celery", "dvc.repo.reproduce",
             "matplotlib.pyplot", "scipy.optimize", "stable_baselines3", "torch")
CLIENT = """#!{python} -ISE
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
said = json.dumps({{"arguments": sys.argv[1:], "folder": os.getcwd(), "variables": dict(os.environ)}}).encode()
socket.send_fds(line, [len(said).to_bytes(8, "big")], [0, 1, 2])
line.sendall(said)
sys.exit(int(line.recv(9) or 1))
"""


@contextmanager
def serve():
    """Yield the path of the program, which works until the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        address, program = Path(folder) / "socket", Path(folder) / "python"
        program.write_text(CLIENT.format(python=sys.executable, address=str(address)))
        program.chmod(0o755)
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        server = subprocess.Popen([sys.executable, "-P", __file__, address], stdout=subprocess.PIPE, env={
            **variables, "HOME": folder, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"})
        try:
            assert server.stdout.readline() == b"ready\n"
            yield program
        finally:
            server.kill()
            server.communicate()


def listen(address):
    """Fork for every program that is asked for."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # what it never visits stays shared with the forks
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, ended)
        while True:
            line, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                answer(line)
            line.close()


def ended(*_):
    """Let go of the forks that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def answer(line):
    """Run a program in a fork of this process, and tell its status."""
    size, streams, _, _ = socket.recv_fds(line, 8, 3)
    wanted = json.loads(line.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
    number = os.fork()
    if not number:
        line.close()
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
        run(**wanted)
    line.sendall(str(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) % 256).encode())
    os._exit(0)


def run(arguments, folder, variables):
    """Be Python: run a program to its end, and end with it."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    status = 1
    try:
        sys.path[:0] = filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))
        safe = arguments[0] == "-P"
        start(arguments[safe:], safe)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(status)


def start(arguments, safe):
    """Run a file, a folder, a module or a line of code as the main program; `safe` is Python's option -P."""
    first = arguments[0]
    if first in ("-m", "-c"):
        program, sys.argv = arguments[1], [first, *arguments[2:]]
        sys.path[:0] = [] if safe else [""]
    else:
        program, sys.argv = first, arguments
        sys.path[:0] = [str(Path(program).parent.resolve())] if Path(program).is_file() and not safe else []
    if first == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    elif first == "-c":
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    listen(sys.argv[1])
