"""A process of its own that ends a test which hangs in the kernel, and cleans up after a killed pytest.

Run as: watchdog.py BASE. Lines on standard input: `arm SECONDS DIRECTORY`, `disarm`. When the time is over, or
standard input ends, the FUSE connections below the directory are aborted, and the tests' processes
killed: then the hung system call in pytest returns with an error, and the test fails.
"""

import os
import select
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.lib import mountinfo, processes  # noqa: E402


def end(directory):
    mountinfo.abort_below(directory)
    processes.kill_all(lambda: processes.tagged(directory))
    mountinfo.detach_below(directory)


def lines():
    """Each line of standard input; None when the time that the last arm gave is over."""
    rest, seconds = b"", None
    while True:
        if not select.select([0], [], [], seconds)[0]:
            seconds = None
            yield None
            continue
        data = os.read(0, 4096)
        if not data:
            return
        *complete, rest = (rest + data).split(b"\n")
        for line in complete:
            words = line.decode().split(" ", 2)
            seconds = float(words[1]) if words[0] == "arm" else None
            yield words


def main(base):
    directory = base
    for words in lines():
        if words is None:
            print(f"watchdog: {directory} hangs: ending its mounts and processes", file=sys.stderr, flush=True)
            end(directory)
        elif words[0] == "arm":
            directory = words[2]
    end(base)


if __name__ == "__main__":
    main(sys.argv[1])
