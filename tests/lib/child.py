"""A process that does what it is told."""

import subprocess
import sys

# by lines of Python
CHILD = "import os, sys\nfor line in sys.stdin:\n    exec(line)\n    print('done', flush=True)\n"


class Child:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
