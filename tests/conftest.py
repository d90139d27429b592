"""Fixtures for real mounts and real processes. Pass or fail, a test leaves no mount and no process.

    def test_something(mount):
        m = mount()                       # a mount of this test's own tree
        clock = m.clock()
        (m.path / "a").write_text("x")
        m.settle()
        assert m.since(clock) == ["a"]

HRFS_BUILD says where the executables are, HRFS_TEST_DIR where the trees are made (a real disk is wanted).
"""

import faulthandler
import gc
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.lib import build, mountinfo, processes, users
from tests.lib.child import Child
from tests.lib.job import own_job, unable_job
from tests.lib.mount import Mount
from tests.lib.running import Running, identity
from tests.lib.wait import Deadline, wait_gone

TIME_LIMIT = 120
HANG_LIMIT = int(os.environ.get("HRFS_HANG_LIMIT") or 15)  # beyond the time limit it hangs in the kernel
END_LIMIT = int(os.environ.get("HRFS_END_LIMIT") or 10)  # what a test has started and not ended is a stray then
SANITIZERS = {
    "ASAN_OPTIONS": "strict_string_checks=1:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": "",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"atexit_sleep_ms=20:second_deadlock_stack=1:suppressions={build.ROOT / 'tests' / 'threads.supp'}",
}
failed_key = pytest.StashKey[bool]()


# ---- the session: one base directory, one watchdog ----


def _base_parent():
    wanted = os.environ.get("HRFS_TEST_DIR")
    if wanted:
        return wanted
    kinds = {os.fsdecode(path): kind for path, _, kind in mountinfo.mounts()}
    return "/var/tmp" if kinds.get("/tmp") == "tmpfs" else tempfile.gettempdir()


def _remove(directory):
    """Also what is deeper than PATH_MAX or has no rights."""
    remove = ["rm", "-rf", "--", directory]
    if subprocess.run(remove, check=False, stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["chmod", "-R", "u+rwX", "--", directory], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(remove, check=False)


def _watchdog(base):
    script = Path(__file__).parent / "lib" / "watchdog.py"
    return subprocess.Popen([sys.executable, script, base], stdin=subprocess.PIPE, start_new_session=True)


@pytest.fixture(scope="session")
def session():
    os.umask(0o022)
    if os.geteuid() == 0:
        # whoever makes a mount namespace meanwhile copies every mount into it, and so keeps its daemon alive
        mountinfo.leave_namespace()
    processes.become_subreaper()
    # a short path: sockets lie below it, and theirs end at 107 bytes
    base = os.path.realpath(tempfile.mkdtemp(prefix="hrfs-", dir=_base_parent()))
    os.chmod(base, 0o755)
    dog = _watchdog(base)
    s = SimpleNamespace(base=base, count=0, dog=dog)

    def tell(line):
        dog.stdin.write(line.encode() + b"\n")
        dog.stdin.flush()

    s.tell = tell
    gc.freeze()  # pytest's own, which the collection after each test would go through
    yield s
    left = mountinfo.detach_below(base)
    strays = processes.kill_all(lambda: _ours(s, base))
    dog.stdin.close()
    dog.wait()
    _remove(base)
    assert not left, f"mounts were left: {left}"
    assert not strays, f"processes were left: {strays}"


def _ours(session, directory):
    found = set(processes.tagged(directory))
    found.update(processes.descendants(os.getpid(), spare={session.dog.pid}))
    found.discard(session.dog.pid)
    return sorted(found)


# ---- one test ----


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    item.stash[failed_key] = True
    test = item.funcargs.get("test") if hasattr(item, "funcargs") else None
    if test is not None:
        for title, text in test.evidence():
            report.sections.append((title, text[-20000:]))


def go_cache(base):
    """One for all tests, and for those of the next run: go takes longer for its own library than for all of theirs."""
    return str(build.BUILD / "go-cache" if os.access(build.BUILD, os.W_OK) else Path(base) / "go-cache")


class Test:
    """What one test has started and where; knows how to end all of it."""

    __test__ = False  # not for pytest to collect

    def __init__(self, session, leaves_daemon):
        self.session = session
        self.leaves_daemon = leaves_daemon
        session.count += 1
        self.dir = Path(session.base) / f"t{session.count}"
        self.san = self.dir / "san"
        self.run = self.dir / "run"
        for directory, mode in ((self.dir, 0o755), (self.san, 0o1777), (self.run, 0o700)):
            directory.mkdir()
            directory.chmod(mode)
        self.mounts = []
        self.running = []
        self.outputs = []  # (title, text) of finished commands
        self.kept = None

    def environment(self):
        env = {
            processes.TAG: str(self.dir),
            "XDG_RUNTIME_DIR": str(self.run),
            "XDG_STATE_HOME": str(self.dir / "state"),
            "XDG_CONFIG_HOME": str(self.dir / "config"),
            "GIT_CONFIG_GLOBAL": str(self.dir / "gitconfig"),
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "LC_ALL": "C.UTF-8",
            "GOCACHE": go_cache(self.session.base),
            "GOTOOLCHAIN": "local",
        }
        for name, value in SANITIZERS.items():
            log = f"log_path={self.san}/{name.partition('_')[0].lower()}"
            env[name] = ":".join(filter(None, (os.environ.get("HRFS_" + name), value, log)))
        return env

    def evidence(self):
        """What there is to print for a failed test."""
        return self.kept if self.kept is not None else self._collect()

    def keep_evidence(self):
        """Its files are about to be removed."""
        self.kept = list(self._collect())

    def _collect(self):
        for m in self.mounts:
            yield f"log of {m.path}", m.log_text()
        for r in self.running:
            yield f"output of {' '.join(r.argv)}", r.output()
        yield from self.outputs
        for file in sorted(self.san.glob("*")):
            yield f"sanitizer {file.name}", file.read_text("utf-8", "replace")

    def _end_mounts(self):
        """Ends daemons as a user would; returns what went wrong."""
        wrong = []
        for m in reversed(self.mounts):
            if m.process.poll() is None:
                try:
                    m.umount()
                except TimeoutError:
                    wrong.append(f"the daemon of {m.path} goes on after its unmount")
            if m.process.poll() not in (0, None):
                wrong.append(f"the daemon of {m.path} ended with status {m.process.returncode}")
        return [] if self.leaves_daemon else wrong

    def _wait_for_ends(self):
        """What `hrfs run` and a detached daemon leave ends by itself, soon after them: has all of it?"""
        deadline = Deadline(END_LIMIT, "the end of what the test started")
        try:
            while pids := _ours(self.session, str(self.dir)):
                for pid in pids:
                    wait_gone(pid, deadline.left())
        except TimeoutError:
            return False
        return True

    def clean(self):
        os.chdir("/")
        gc.collect()  # files that the test has left open
        for r in self.running:
            r.end()
        wrong = self._end_mounts()
        if any(m.process.poll() is None for m in self.mounts):
            mountinfo.abort_below(self.dir)
        ended = self._wait_for_ends()
        left = mountinfo.detach_below(self.dir)
        if left:
            wrong.append(f"mounts were left: {left}")
        killed = {} if ended else processes.kill_all(lambda: _ours(self.session, str(self.dir)))
        for m in self.mounts:
            m.process.wait()
        processes.reap(spare={self.session.dog.pid})
        if killed:
            wrong.append(f"processes were left: {killed}")
        reports = sorted(file.name for file in self.san.glob("*") if not _only_of_a_death(file))
        if reports:
            wrong.append(f"sanitizer reports: {reports}")
        return wrong


def _only_of_a_death(report):
    """A daemon that is killed while it looks for leaks: the sanitizer's own thread says no more than this."""
    lines = report.read_text("utf-8", "replace").splitlines()
    return lines and all("Unable to get registers from thread" in line for line in lines)


def _limit(request, name, default):
    marker = request.node.get_closest_marker(name)
    return marker.args[0] if marker else default


@pytest.fixture(autouse=True)
def test(session, request, monkeypatch):
    t = Test(session, request.node.get_closest_marker("leaves_daemon") is not None)
    for name, value in t.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("HRFS_LIBEXECDIR", "WATCHMAN_SOCK", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "PORT"):
        monkeypatch.delenv(name, raising=False)
    seconds = _limit(request, "time_limit", TIME_LIMIT)

    late = []

    def too_late(number, frame):
        late.append(True)  # an exception that comes while another is handled may get lost
        raise TimeoutError(f"the test took more than {seconds} s")

    session.tell(f"arm {seconds + HANG_LIMIT} {t.dir}")
    faulthandler.dump_traceback_later(seconds + HANG_LIMIT - 1, exit=False)
    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    yield t
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    wrong = t.clean()
    if late:
        wrong.insert(0, f"the test took more than {seconds} s")
    faulthandler.cancel_dump_traceback_later()
    session.tell("disarm")
    t.keep_evidence()
    _remove(str(t.dir))
    # a test that failed has its own message
    if wrong and not request.node.stash.get(failed_key, False):
        pytest.fail("; ".join(wrong), pytrace=False)


@pytest.fixture
def tree(test):
    """A private directory with src/ and mnt/ and room for more; short, on a real disk."""
    src, mnt = test.dir / "src", test.dir / "mnt"
    src.mkdir()
    mnt.mkdir()
    return SimpleNamespace(dir=test.dir, src=src, mnt=mnt)


def no_fuse():
    """Why there can be no mount here, or None."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no /dev/fuse that this user may open"
    if os.geteuid() and not shutil.which("fusermount3"):
        return "no fusermount3"
    if not build.HRFS_FS.exists():
        return f"{build.HRFS_FS} is not built"
    return None


@pytest.fixture
def mount(test, tree):
    """mount(src=None, mnt=None, options="", user=None, …) -> Mount. Ended with the test."""
    why = no_fuse()
    if why:
        pytest.skip(why)

    def make(src=None, mnt=None, options="", user=None, lifeline=None, env=None, limits=None, before=None):
        src = Path(src or tree.src)
        mnt = Path(mnt or tree.mnt)
        env = dict(env or {})
        if user is not None:
            for directory in (src, mnt):
                os.chown(directory, user.uid, user.gid)
            run = test.dir / f"run-{user.uid}"
            run.mkdir(mode=0o700, exist_ok=True)
            os.chown(run, user.uid, user.gid)
            env.setdefault("XDG_RUNTIME_DIR", str(run))
        # the whole suite can be run with other options: ./dev test --long does, with without=all
        options = ",".join(filter(None, (os.environ.get("HRFS_TEST_OPTIONS"), options)))
        log = test.dir / f"hrfs-fs-{len(test.mounts)}.log"
        m = Mount(src, mnt, options, user, log, lifeline, env, limits, before)
        test.mounts.append(m)
        return m

    return make


@pytest.fixture
def other():
    """An ordinary user besides root: .name .uid .gid (see tests.lib.users.run_as). Skips when not root."""
    if os.geteuid():
        pytest.skip("needs root, to become another user")
    user = users.ordinary()
    if user is None:
        pytest.skip("there is no other user")
    return user


@pytest.fixture
def unable(test):
    """An environment in which hrfs-job may not mark what jobs open."""
    return unable_job(test.dir / "unable")


@pytest.fixture
def capable(test):
    """hrfs-job as an installation has it, with the capability, and beside it what $HRFS_LIBEXECDIR is to hold."""
    if os.geteuid():
        pytest.skip("a capability can be given to a file by root alone")
    job = own_job(test.dir / "libexec")
    directory = job.parent
    if os.statvfs(directory).f_flag & os.ST_NOSUID:
        pytest.skip("capabilities of files do not count on a file system that is mounted nosuid")
    setcap = shutil.which("setcap", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    if not setcap:
        pytest.skip("setcap is not here")
    subprocess.run([setcap, "cap_sys_admin+ep", job], check=True)
    return job


@pytest.fixture
def hrfs(test):
    """hrfs(*args, status=0, cwd=None, input=None, user=None, timeout=30) -> CompletedProcess with text.

    status: the exit status that is expected; None: any.
    """
    why = no_fuse() or (None if build.HRFS.exists() else f"{build.HRFS} is not built")
    if why:
        pytest.skip(why)

    def run(*args, status=0, cwd=None, input=None, user=None, timeout=30, env=None):
        argv = [str(build.HRFS), *map(str, args)]
        done = subprocess.run(
            argv,
            cwd=cwd,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            env={**os.environ, **(env or {})},
            **identity(user),
        )
        test.outputs.append((f"$ {' '.join(argv)} -> {done.returncode}", done.stdout + done.stderr))
        if status is not None:
            assert done.returncode == status, f"{argv} -> {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture
def child():
    """child() -> Child: a process beside the test that does what it is told."""
    made = []

    def make():
        made.append(Child())
        return made[-1]

    yield make
    for c in made:
        c.end()


@pytest.fixture
def start(test):
    """start(*argv, terminal=False, …) -> Running: any program beside the test, ended with it."""

    def run(*argv, **more):
        env = {**os.environ, **(more.pop("env", None) or {})}
        r = Running(argv, env=env, **more)
        test.running.append(r)
        return r

    return run


@pytest.fixture
def hrfs_start(hrfs, start):
    """The same for the built hrfs: hrfs_start("run", "--", "./server", cwd=…)."""

    def run(*args, **more):
        return start(build.HRFS, *args, **more)

    return run


@pytest.fixture(scope="session")
def _ports():
    """Those of a thousand that no other run takes from, below the range from which the kernel picks."""
    with socket.socket(socket.AF_UNIX) as claim:
        for block in itertools.count():
            try:
                claim.bind(f"\0hrfs-test-ports-{block}")
            except OSError:
                continue
            yield itertools.count(20000 + block * 1000)
            return


@pytest.fixture
def free_port(_ports):
    """free_port() -> a TCP port on 127.0.0.1 that nobody listens on."""

    def find():
        for port in _ports:
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue

    return find


@pytest.fixture
def leftovers(test):
    """leftovers() -> {pid: command} of this test's processes that live now."""
    return lambda: {pid: processes.command(pid) for pid in processes.tagged(str(test.dir))}
