"""Jobs by hrfs-job: how they start, and that nothing of them is left when they have ended."""

import ctypes
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.lib import processes
from tests.lib.wait import wait_until
from tests.supervisor.driver import gone, read_pids

LONG = 1000000  # milliseconds of grace that no test waits for

# Writes its pid, ignores what asks it to end, and has made sure that neither group nor parent leads to it.
STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
def away():
    if os.fork():
        os._exit(0)
def note():
    with open(sys.argv[1], "a") as f:
        f.write(f"{os.getpid()}\\n")
"""


def python(text, *args):
    return [sys.executable, "-c", text, *args]


def test_an_exit_status_and_a_signal_are_told(driver):
    d = driver("--", "sh", "-c", "exit 3")
    d.wait("exited 0 exited with status 3")
    d.wait("ended 0")
    assert d.running.wait() == 0
    d = driver("--", "sh", "-c", "kill -SEGV $$")
    d.wait("exited 0 was ended by SIGSEGV")
    assert d.running.wait() == 0


@pytest.mark.parametrize(
    "command, text",
    [
        ("nosuchprogram", "nosuchprogram is in no folder of PATH: install it, or write its path"),
        ("./nosuch", "./nosuch does not exist in {dir}: build it, or mend the path"),
        ("./plain", "./plain is not executable: chmod \\+x ./plain"),
        ("./", "./ is a directory, not a program"),
        ("./script", "./script is there, but not the program that its first line names \\(#!/no/such\\)"),
        ("./binary", "./binary is no program of this system"),
    ],
)
def test_what_cannot_be_executed_is_explained(driver, test, command, text):
    (test.dir / "plain").write_text("x")
    for name, content in (("script", "#!/no/such\n"), ("binary", "\x7fELF\0\0")):
        (test.dir / name).write_text(content)
        (test.dir / name).chmod(0o755)
    d = driver("--cwd", test.dir, "--", command)
    d.wait("failed 0 " + text.format(dir=test.dir))
    d.wait("ended 0")
    assert d.running.wait() == 0
    assert "@exited" not in d.running.text


def test_a_text_without_an_interpreter_is_for_the_shell(driver, test):
    (test.dir / "text").write_text("echo $0 $1 $2\n")
    (test.dir / "text").chmod(0o755)
    d = driver("--cwd", test.dir, "--", "./text", "a", "b c")
    d.running.wait_for("^./text a b c$")
    assert d.running.wait() == 0


def test_a_missing_working_directory_is_told(driver, test):
    d = driver("--cwd", test.dir / "none", "--", "true")
    d.wait("failed 0 the working directory .*/none cannot be entered: No such file")
    assert d.running.wait() == 0


def test_a_program_that_is_still_written_is_named_with_its_writer(driver, test):
    program = test.dir / "program"
    program.write_bytes(Path("/bin/true").read_bytes())
    program.chmod(0o755)
    with open(program, "ab"):
        d = driver("--cwd", test.dir, "--", "./program")
        d.wait(f"failed 0 ./program is still open for writing by pid {os.getpid()} ")
    assert d.running.wait() == 0


def test_the_environment_is_the_jobs(driver, test, monkeypatch):
    monkeypatch.setenv("GONE", "1")
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("LISTEN_FDS", "7")
    d = driver(
        *("--env", "A=1", "--env", "A=2", "--env", "GONE", "--cwd", test.dir),
        *("--", "sh", "-c", "echo =$A=$GONE=$KEPT=$LISTEN_FDS=$PWD="),
    )
    d.running.wait_for(f"^=2==1=={test.dir}=$")
    assert d.running.wait() == 0


def test_only_what_is_meant_for_a_job_is_open_in_it(driver):
    d = driver("--listen", "127.0.0.1:0", "--listen", "@hrfs-test-fds", "--", "sh", "-c", "ls -l /proc/self/fd; echo over")
    text = d.running.wait_for(r"(?s)total.*?over")[0]
    numbers = [line.split()[8] for line in text.splitlines() if " -> " in line]
    # 5 is the directory that ls reads
    assert numbers == ["0", "1", "2", "3", "4", "5"], text
    assert d.running.wait() == 0


@pytest.mark.parametrize("mode", ["pipe", "pty"])
def test_a_tree_that_hides_and_ignores_signals_is_gone_before_the_end(driver, test, mode):
    """Double-forked, in sessions of their own, deaf to everything: the job's end waits for them all."""
    pids = test.dir / "pids"
    away = STUBBORN + "away(); os.setsid(); away(); note(); time.sleep(1000)"
    program = STUBBORN + f"import subprocess\nfor i in range(3): subprocess.Popen([sys.executable, '-c', {away!r}, sys.argv[1]])\nnote(); time.sleep(1000)"
    d = driver("--mode", mode, "--", *python(program, pids))
    d.started()
    found = read_pids(pids, 4)
    d.say("stop", 0, int(signal.SIGTERM), 50)
    d.wait("exited 0 was ended by SIGKILL")
    d.wait("ended 0")
    assert gone(found)
    assert d.running.wait() == 0


def test_what_a_program_leaves_behind_is_ended_when_asked(driver, test):
    """The program ends well, a daemon of it stays: the job goes on until it is told to stop."""
    pids = test.dir / "pids"
    d = driver("--", *python(STUBBORN + "away(); os.setsid(); away(); note(); time.sleep(1000)", pids))
    d.wait("exited 0 exited with status 0")
    found = read_pids(pids, 1)
    assert not gone(found)
    d.say("stop", 0, int(signal.SIGTERM), 10)
    d.wait("ended 0")
    assert gone(found)
    assert d.running.wait() == 0


def test_a_chain_of_forks_is_caught(driver, test):
    """Each process lives for a moment only and leaves a child: no list of processes is ever up to date."""
    pids = test.dir / "pids"
    d = driver("--", *python(STUBBORN + "note()\nwhile True: away(); time.sleep(0.001)", pids))
    d.started()
    read_pids(pids, 1)
    d.say("kill", 0)
    d.wait("ended 0")
    assert d.running.wait() == 0
    assert not processes.tagged(str(test.dir))


def test_a_killed_hrfs_job_leaves_nothing_behind(driver, test):
    pids = test.dir / "pids"
    away = STUBBORN + "away(); os.setsid(); away(); note(); time.sleep(1000)"
    program = STUBBORN + f"import subprocess\nsubprocess.Popen([sys.executable, '-c', {away!r}, sys.argv[1]])\nnote(); time.sleep(1000)"
    d = driver("--stay", "--", *python(program, pids))
    job = d.job()
    d.started()
    found = read_pids(pids, 2)
    d.say("start")
    d.job(1)
    other = d.started(1)
    os.kill(job, signal.SIGKILL)
    d.wait("exited 0 was ended by SIGKILL")
    d.wait("ended 0")
    assert gone(found)
    assert not gone([other]), "the other job was ended too"
    d.end()


def test_a_stopped_hrfs_job_does_not_save_its_tree(driver, test):
    pids = test.dir / "pids"
    d = driver("--", *python(STUBBORN + "away(); os.setsid(); note(); time.sleep(1000)", pids))
    job = d.job()
    d.wait("exited 0")
    found = read_pids(pids, 1)
    os.kill(job, signal.SIGSTOP)
    d.say("kill", 0)
    d.wait("ended 0")
    assert gone(found)
    assert d.running.wait() == 0


def test_a_killed_supervisor_leaves_nothing_behind(driver, test, leftovers):
    pids = test.dir / "pids"
    d = driver("--", *python(STUBBORN + "away(); os.setsid(); away(); note(); time.sleep(1000)", pids))
    found = read_pids(pids, 1)
    d.running.signal(signal.SIGKILL)
    d.running.wait()
    wait_until(lambda: not leftovers(), what="the end of the job")
    assert gone(found)


def test_a_control_group_is_not_left_behind(driver):
    d = driver("--stay", "--", "sleep", "1000")
    job = d.job()
    d.started()
    groups = [p for p in Path("/sys/fs/cgroup").glob(f"**/hrfs-job-{job}")]
    d.say("kill", 0)
    d.wait("ended 0")
    d.end()
    if not groups:
        pytest.skip("no control group may be made here")
    assert not [g for g in groups if g.exists()]


def test_a_program_may_end_in_its_own_way(driver, test):
    program = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(7))\nprint('up', flush=True)\nwhile True: signal.pause()"
    d = driver("--", *python(program))
    d.running.wait_for("^up")
    d.say("stop", 0, int(signal.SIGTERM), LONG)
    d.wait("exited 0 exited with status 7")
    assert d.running.wait() == 0


COUNTER = """
import os, signal, sys, time
count = 0
def term(*a):
    global count
    count += 1
    with open(sys.argv[1], "a") as f:
        f.write(f"{count}\\n")
signal.signal(signal.SIGTERM, term)
if sys.argv[2] == "away":
    os.setsid()
print("up", flush=True)
while True:
    time.sleep(1000)
"""


@pytest.mark.parametrize("where", ["group", "away"])
def test_a_server_below_the_program_is_asked_once(driver, test, where):
    """`go run`, npm: the program itself ends at once, its child takes its time. A second TERM would cut it short."""
    counts = test.dir / "counts"
    program = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {COUNTER!r}, *sys.argv[1:]]).wait()"
    d = driver("--", *python(program, counts, where))
    d.running.wait_for("^up")
    d.say("stop", 0, int(signal.SIGTERM), 1500)
    d.wait("exited 0 was ended by SIGTERM")
    d.wait("ended 0")
    assert counts.read_text() == "1\n"
    assert d.running.wait() == 0


def test_a_stopped_program_takes_its_end(driver):
    """Ctrl-Z in it, or kill -STOP: it is let go on to hear the signal, and needs no grace."""
    d = driver("--", "sleep", "1000")
    pid = d.started()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: processes.state_and_parent(pid)[0] == "T")
    d.say("stop", 0, int(signal.SIGTERM), LONG)
    d.wait("exited 0 was ended by SIGTERM")
    assert d.running.wait() == 0


def test_what_a_debugger_holds_is_not_killed_by_the_grace(driver):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    attach, detach = 16, 17
    d = driver("--stay", "--", *python("import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(1000)"))
    held = d.started(0)
    d.running.wait_for("^up")
    d.say("start")
    d.running.wait_for("^up")
    if libc.ptrace(attach, held, None, None):
        pytest.skip("no process may be traced here")
    try:
        wait_until(lambda: processes.state_and_parent(held)[0] == "t")
        d.say("stop", 0, int(signal.SIGTERM), 50)
        # the second one is asked later and given longer: when it is gone, the first one's grace is over
        d.say("stop", 1, int(signal.SIGTERM), 900)
        d.wait("ended 1")
        assert processes.alive(held)
        assert "@ended 0" not in d.running.text
    finally:
        libc.ptrace(detach, held, None, None)
    d.wait("ended 0")
    d.end()


def test_a_shorter_grace_counts(driver):
    d = driver("--", *python("import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(1000)"))
    d.running.wait_for("^up")
    d.say("stop", 0, int(signal.SIGTERM), LONG)
    d.say("stop", 0, int(signal.SIGTERM), 10)
    d.say("stop", 0, int(signal.SIGTERM), LONG)
    d.wait("exited 0 was ended by SIGKILL")
    assert d.running.wait() == 0


def test_a_signal_reaches_the_program_alone(driver):
    program = """
import os, signal, sys, time
signal.signal(signal.SIGHUP, lambda *a: os.write(1, f"hup {who}\\n".encode()))
who = "child" if os.fork() == 0 else "program"
os.write(1, b"up\\n")
while True: time.sleep(1000)
"""
    d = driver("--", *python(program))
    d.running.wait_for("^up")
    d.running.wait_for("^up")
    d.say("signal", 0, int(signal.SIGHUP))
    d.running.wait_for("^hup program")
    d.say("kill", 0)
    d.wait("ended 0")
    assert d.running.wait() == 0
    assert "hup child" not in d.running.text


def test_a_job_that_never_began_ends_too(driver):
    d = driver("--hold", "--", "echo", "never")
    d.job()
    d.say("stop", 0, int(signal.SIGTERM), LONG)
    d.wait("ended 0")
    assert d.running.wait() == 0
    assert "never" not in d.running.text.replace("--", "")


def test_a_job_begins_when_it_is_told(driver):
    d = driver("--hold", "--", "echo", "begun")
    d.job()
    assert "@started" not in d.running.output()
    d.say("go", 0)
    d.running.wait_for("^begun")
    assert d.running.wait() == 0


def test_all_are_killed_at_once(driver, test):
    d = driver("--stay", "--", *python(STUBBORN + "note(); time.sleep(1000)", test.dir / "pids"))
    for number in range(1, 8):
        d.say("start")
    found = read_pids(test.dir / "pids", 8)
    d.say("killall")
    for number in range(8):
        d.running.looked = 0
        d.wait(f"ended {number}")
    assert gone(found)
    d.end()
