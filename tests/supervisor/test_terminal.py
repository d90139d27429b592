"""The terminal as a job sees it: its own, hrfs's, and who has the foreground when."""

import os
import signal
import subprocess
import sys
import termios

import pytest

from tests.lib import build, processes
from tests.lib.wait import Deadline, wait_readable, wait_until
from tests.supervisor.driver import DRIVER
from tests.supervisor.test_process import python

pytestmark = pytest.mark.any_user


def foreground(running):
    return os.tcgetpgrp(running.master)


def flags(running):
    return termios.tcgetattr(running.master)[3]


# ---- a pseudo-terminal for each job ----


def test_a_pseudo_terminal_looks_like_one(driver):
    program = "import os, sys\nprint([os.isatty(i) for i in range(3)], os.tcgetpgrp(0) == os.getpgrp(), os.get_terminal_size())"
    d = driver("--mode", "pty", "--", *python(program))
    d.running.wait_for(r"\[True, True, True\] True os.terminal_size\(columns=80, lines=24\)")
    assert d.running.wait() == 0


def test_a_pseudo_terminal_follows_the_size_of_hrfss(driver):
    program = """
import os, signal
def show(*a):
    size = os.get_terminal_size()
    os.write(1, f"size {size.columns} {size.lines}\\n".encode())
signal.signal(signal.SIGWINCH, show)
show()
while True: signal.pause()
"""
    d = driver("--mode", "pty", "--stay", "--", *python(program), terminal=True)
    d.running.wait_for("^size 200 40")
    termios.tcsetwinsize(d.running.master, (50, 99))
    d.running.wait_for("^size 99 50")
    d.end()


def test_colours_stay_and_all_else_that_moves_the_cursor_goes(driver):
    text = r"\033[2J\033[H\033]0;title\007\033[1;31mred\033[0m plain\nlost\rkept\n\033[32mgreen\nstill\033[0m\n"
    d = driver("--mode", "pty", "--colour", "--prefix", "--", "printf", text)
    assert d.running.wait() == 0
    lines = [line for line in d.running.text.splitlines() if "|" in line]
    assert lines == [
        "\033[36mtest |\033[0m \033[1;31mred\033[0m plain",
        "\033[36mtest |\033[0m kept",
        # a colour goes on in the next line, and no line leaves one to another service's prefix
        "\033[36mtest |\033[0m \033[32mgreen\033[0m",
        "\033[36mtest |\033[0m \033[32mstill\033[0m",
    ]


def test_without_colours_there_is_no_escape_sequence(driver):
    d = driver("--mode", "pty", "--prefix", "--", "printf", r"\033[31mred\033[0m\n")
    d.running.wait_for(r"^test \| red$")
    assert d.running.wait() == 0


def test_the_last_line_needs_no_end(driver):
    d = driver("--", "printf", "one\\ntwo")
    d.running.wait_for("^two$")
    assert d.running.wait() == 0


def test_a_reader_that_does_not_read_stops_nothing(test):
    """The job prints far more than a pipe holds; it ends, hrfs answers, and what is missing is told."""
    command = [DRIVER, "--job", build.HRFS_JOB, "--stay", "--", "seq", "1000000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        seen = b""
        while b"@ended 0" not in seen:
            wait_readable(p.stderr.fileno(), Deadline(20, f"the end of the job, after {seen!r}"))
            data = os.read(p.stderr.fileno(), 4096)
            assert data, seen
            seen += data
        p.stdin.write(b"tail\n")
        p.stdin.flush()
        while b"@line test run 1000000\n" not in seen:
            wait_readable(p.stderr.fileno(), Deadline(20, f"the last line, after {seen!r}"))
            seen += os.read(p.stderr.fileno(), 4096)
        p.stdin.write(b"quit\n")
        p.stdin.flush()
        out = p.stdout.read().decode().splitlines()
        assert p.wait() == 0
    notes = [line for line in out if line.startswith("hrfs: ")]
    assert len(notes) >= 1 and "lines are not shown" in notes[0]
    missing = sum(int(line.split()[1]) for line in notes)
    numbers = [int(line) for line in out if not line.startswith("hrfs: ")]
    assert numbers == sorted(numbers)
    assert len(numbers) + missing == 1000000


# ---- hrfs's own terminal, lent to the one job ----


def test_a_lent_terminal_answers_and_is_given_back(driver):
    program = "import os, sys\nprint('foreground', os.tcgetpgrp(0) == os.getpgrp(), flush=True)\nprint('got', input('say: '), flush=True)"
    d = driver("--mode", "terminal", "--stay", "--", *python(program), terminal=True)
    d.wait("terminal 1")
    before = flags(d.running)
    job = d.job()
    d.running.wait_for("^foreground True")
    assert foreground(d.running) == job
    d.running.wait_for("say: ")
    d.running.write("hello\n")
    d.running.wait_for("^got hello")
    d.wait("ended 0")
    assert foreground(d.running) == d.running.pid
    assert flags(d.running) == before
    d.end()


def test_settings_that_a_job_leaves_are_put_right(driver):
    program = "import termios, tty\ntty.setraw(0)\nprint('raw', flush=True)\nimport signal\nsignal.pause()"
    d = driver("--mode", "terminal", "--stay", "--", *python(program), terminal=True)
    d.started()
    d.running.wait_for("raw")
    assert not flags(d.running) & termios.ECHO
    d.say("kill", 0)
    d.wait("ended 0")
    assert flags(d.running) & termios.ECHO
    assert flags(d.running) & termios.ICANON
    d.end()


def test_ctrl_c_reaches_the_job_and_hrfs_once(driver):
    program = """
import os, signal, sys
both = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)  # one after the other, in the order of their numbers
os.write(1, b"up\\n")
while signal.sigwait(both) == signal.SIGINT: os.write(1, b"int\\n")
sys.exit(3)
"""
    d = driver("--mode", "terminal", "--", *python(program), terminal=True)
    d.running.wait_for("^up")
    d.running.write("\x03")
    d.wait(r"stop 2$")
    # the driver has asked it by SIGTERM, too
    d.wait("exited 0 exited with status 3")
    assert d.running.wait() == 0
    assert d.running.text.count("int\n") == 1
    assert "at once" not in d.running.text


def test_a_second_ctrl_c_ends_at_once(driver):
    # written at once: print() in a handler may meet the print() that it interrupts
    program = "import os, signal\nfor n in (2, 15): signal.signal(n, lambda n, f: os.write(1, b'sig %d\\n' % n))\nos.write(1, b'up\\n')\nwhile True: signal.pause()"
    d = driver("--mode", "terminal", "--", *python(program), terminal=True)
    d.running.wait_for("^up")
    d.running.write("\x03")
    d.wait("stop 2$")
    d.running.wait_for("^sig 15")
    # the same press by two ways is one: a person needs longer than that
    wait_until(lambda: d.running.write("\x03") or "@stop 2 at once" in d.running.output())
    d.running.looked = 0
    d.wait("exited 0 was ended by SIGKILL")
    # one press more may meet the driver where it listens no more
    assert d.running.wait() in (0, -signal.SIGINT)


def test_a_signal_to_hrfs_without_a_terminal(driver):
    d = driver("--", "sleep", "1000")
    d.started()
    d.running.signal(signal.SIGHUP)
    d.wait("stop 1$")
    d.wait("exited 0 was ended by SIGTERM")
    assert d.running.wait() == 0


def test_the_newest_generation_has_the_terminal(driver):
    """Two at once, while one takes over: the older one's end does not take it from the newer one."""
    d = driver("--mode", "terminal", "--stay", "--", "sleep", "1000", terminal=True)
    first = d.job(0)
    d.started(0)
    assert foreground(d.running) == first
    d.say("start")
    second = d.job(1)
    d.started(1)
    assert foreground(d.running) == second
    d.say("kill", 0)
    d.wait("ended 0")
    assert foreground(d.running) == second
    d.say("kill", 1)
    d.wait("ended 1")
    assert foreground(d.running) == d.running.pid
    d.end()


@pytest.fixture
def shell(start, test):
    """An interactive shell on a terminal, which starts the driver as its foreground job."""
    fifo = test.dir / "control"
    os.mkfifo(fifo)
    keep = os.open(fifo, os.O_RDWR | os.O_CLOEXEC)
    r = start("bash", "--norc", "--noprofile", "-i", terminal=True, env={"PS1": "$ ", "TERM": "dumb", "HISTFILE": ""})
    r.wait_for(r"\$ ")

    def run(*words):
        r.write(f"{DRIVER} --job {build.HRFS_JOB} --control {fifo} {' '.join(words)}\n")
        return r

    yield run
    os.close(keep)


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_gives_it_back(shell, test):
    program = test.dir / "program.py"
    program.write_text("print('got', input('say: '), flush=True)\nprint('got', input('more: '), flush=True)\n")
    r = shell("--mode", "terminal", "--", sys.executable, str(program))
    pid = int(r.wait_for(r"@started 0 (\d+)")[1])
    r.wait_for("say: ")
    r.write("one\n")
    r.wait_for("more: ")
    r.write("\x1a")
    r.wait_for("Stopped")
    wait_until(lambda: processes.state_and_parent(pid)[0] == "T")
    r.write("echo shell is here\n")
    r.wait_for("^shell is here")
    r.write("fg\n")
    wait_until(lambda: processes.state_and_parent(pid)[0] != "T")
    r.write("two\n")
    r.wait_for("^got two")
    r.wait_for("@end 0")
    r.write("echo status $?\n")
    r.wait_for("^status 0")
    r.write("exit\n")
    r.wait()


def test_after_bg_the_shell_keeps_the_terminal(shell, test):
    r = shell("--mode", "terminal", "--", "sleep", "1000")
    pid = int(r.wait_for(r"@started 0 (\d+)")[1])
    r.write("\x1a")
    r.wait_for("Stopped")
    r.write("bg\n")
    wait_until(lambda: processes.state_and_parent(pid)[0] == "S")
    os.kill(pid, signal.SIGKILL)
    r.wait_for("@end 0")
    # the end of a job that has not got the terminal takes it from nobody
    r.write("echo shell is here\n")
    r.wait_for("^shell is here")
    r.write("exit\n")
    r.wait()


def test_in_the_background_there_is_no_terminal_to_lend(shell):
    r = shell("--", "echo", "done", "&")
    r.wait_for("@terminal 0")
    r.wait_for("@end 0")
    r.write("exit\n")
    r.wait()


# ---- keys ----


def test_keys_are_read_and_the_terminal_is_as_before_at_the_end(driver):
    d = driver("--mode", "pty", "--keys", "--stay", "--", "sleep", "1000", terminal=True)
    d.started()
    assert not flags(d.running) & termios.ICANON
    for key, number in (("\n", 0), ("p", 1), ("w", 2), ("h", 4)):
        d.running.write(key)
        d.wait(f"key {number}")
    d.running.write("xyz")
    d.running.write("q")
    d.wait("key 3")
    assert d.running.wait() == 0
    assert flags(d.running) & termios.ICANON
    assert flags(d.running) & termios.ECHO
    assert d.running.text.count("@key") == 5


def test_keys_rest_while_the_terminal_is_lent(driver):
    d = driver("--mode", "terminal", "--keys", "--stay", "--", "head", "-n", "1", terminal=True)
    d.started()
    assert flags(d.running) & termios.ICANON
    d.running.write("q is for the job\n")
    d.wait("ended 0")
    wait_until(lambda: not flags(d.running) & termios.ICANON)
    d.running.write("w")
    d.wait("key 2")
    assert "@key 3" not in d.running.text
    d.end()


def test_ctrl_z_with_keys_puts_the_terminal_right(shell):
    r = shell("--mode", "pty", "--keys", "--stay", "--", "sleep", "1000")
    r.wait_for(r"@started 0 (\d+)")
    r.write("\x1a")
    r.wait_for("Stopped")
    r.write("stty -a\n")
    r.wait_for(r" icanon ")
    r.wait_for(r" echo ")
    r.write("fg\n")
    wait_until(lambda: not flags(r) & termios.ICANON)
    r.write("w")
    r.wait_for("@key 2")
    r.write("q")
    r.wait_for("@end 0")
    r.write("exit\n")
    r.wait()
