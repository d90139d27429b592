"""hrfs run: the mount lives as long as the command, whatever ends it."""

import json
import os
import signal
import subprocess

import pytest

from tests.lib import build, mountinfo, processes
from tests.lib.running import identity
from tests.lib.wait import wait_until

SHOW = ["sh", "-c", "echo in $PWD: $(cat word); exec sleep 1000"]


def gone(directory):
    """No mount and no process is left."""
    wait_until(lambda: not mountinfo.below(directory), what="the mount's end")
    wait_until(lambda: not [p for p in processes.tagged(str(directory)) if processes.alive(p)], what="the processes' end")


def state_of(cli, path):
    """Of the only service."""
    return cli.json("status", path)["here"]["services"][0]["state"]


@pytest.fixture
def run(who, start, tree):
    """run(*words, cwd=…): hrfs run as the user; the test ends it."""
    (tree.src / "word").write_text("one")

    def begin(*words, cwd=tree.src, **more):
        env = {**who.env, **more.pop("env", {})}
        return start(build.HRFS, "run", *words, cwd=cwd, user=who.user, env=env, **more)

    return begin


def test_restarts_and_unmounts_at_the_end(run, who, tree):
    r = run("--", *SHOW)
    r.wait_for(f"in {tree.src}: one")
    r.wait_for("ready")
    assert who.is_mounted(tree.src)
    if who.user is None:
        (tree.src / "word").write_text("two")
        r.wait_for(f"in {tree.src}: two")
        r.wait_for("ready: word")
    r.signal(signal.SIGTERM)
    assert r.wait() in (0, 143)
    gone(tree.dir)


def test_an_edit_by_who_stood_there_before_reloads(run, start, who, tree):
    """A shell that has not entered the mount edits by a relative name, behind it."""
    who.own(tree.src / "word")
    shell = start("sh", cwd=tree.src, user=who.user, stdin=subprocess.PIPE)
    r = run("--", *SHOW)
    r.wait_for(f"in {tree.src}: one")
    r.wait_for("ready")
    if who.json("status", tree.src)["here"]["sidedoor"]["how"] != "fanotify":
        pytest.skip("changes behind the mount are not watched here")
    shell.process.stdin.write(b"echo two > word\n")
    shell.process.stdin.flush()
    r.wait_for(f"in {tree.src}: two")
    r.wait_for("ready: word")
    shell.end()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_killed_in_any_way_nothing_is_left(run, who, tree, number):
    r = run("--", "sh", "-c", "trap '' TERM INT HUP; (setsid sleep 1001 &); echo up; exec sleep 1000", env={"HRFS_DEBUG": ""})
    r.wait_for("^up")
    if number != signal.SIGKILL:
        r.wait_for("ready")
    r.signal(number)
    if number != signal.SIGKILL:
        # the command ignores the first: a second one kills at once (two within 50 ms count as one press)
        wait_until(lambda: state_of(who, tree.src) == "stopping")
        wait_until(lambda: r.process.poll() is not None or r.signal(number))
    r.wait()
    gone(tree.dir)


def test_killed_while_it_mounts(cli, start, tree):
    """SIGKILL at any moment of its start."""
    for _ in range(10):
        r = start(build.HRFS, "run", "--", "sleep", "1000", cwd=tree.src)
        r.signal(signal.SIGKILL)
        r.wait()
        gone(tree.dir)


@pytest.mark.parametrize("code", [0, 3])
def test_status_of_the_command(run, tree, code):
    """A command that has ended waits for the next change; once asked to end, its status is hrfs's."""
    r = run("--", "sh", "-c", f"echo done; exit {code}")
    r.wait_for("^done")
    r.wait_for("finished|failed")
    r.signal(signal.SIGINT)
    assert r.wait() in (code, 130)
    gone(tree.dir)


def test_working_directory_is_kept(run, who, tree):
    inner = tree.src / "a" / "b"
    inner.mkdir(parents=True)
    who.own(tree.src / "a", inner)
    (tree.src / "hrfs.yaml").write_text("services: {x: {run: 'true'}}\n")
    r = run("--", "sh", "-c", "echo in $PWD, really $(pwd -P); exec sleep 1000", cwd=inner)
    r.wait_for(f"in {inner}, really {inner}")
    assert who.is_mounted(tree.src) and not who.is_mounted(inner)


def test_source_and_at(run, who, tree):
    r = run("--source", tree.src, "--at", tree.mnt, "--", *SHOW, cwd="/")
    r.wait_for(f"in {tree.mnt}: one")
    assert who.is_mounted(tree.mnt) and not who.is_mounted(tree.src)
    r.end()
    gone(tree.dir)


def test_services_of_the_file_need_no_trust(run, who, tree):
    (tree.src / "hrfs.yaml").write_text("services: {a: {run: 'echo A $(cat word); exec sleep 1000'}, b: {run: sleep 1000}}\n")
    r = run()
    r.wait_for(r"A one")
    states = {s["name"]: s["state"] for s in who.json("status", tree.src)["here"]["services"]}
    assert set(states) == {"a", "b"}
    r.end()
    gone(tree.dir)
    r = run("b")
    r.wait_for("ready")
    assert [s["name"] for s in who.json("status", tree.src)["here"]["services"]] == ["b"]


def test_watch_and_ignore(cli, start, tree):
    for name in ("src", "other"):
        (tree.src / name / "src").mkdir(parents=True)
    command = ["--watch", "src,*.css", "--ignore", "src/generated", "--cmd", "echo run; exec sleep 1000"]
    r = start(build.HRFS, "run", *command, cwd=tree.src)
    r.wait_for("^run")
    r.wait_for("ready")

    def reloads():
        cli("wait", cwd=tree.src)
        return len(json.loads(cli("why", "--json", cwd=tree.src).stdout)["reloads"])

    before = reloads()
    (tree.src / "other" / "src" / "x").write_text("x")
    (tree.src / "src" / "generated").write_text("x")
    assert reloads() == before
    (tree.src / "src" / "x").write_text("x")
    r.wait_for("^run")
    (tree.src / "other" / "a.css").write_text("x")
    r.wait_for("^run")
    assert cli("run", "--watch", "/etc", "--", "true", cwd=tree.src, status=125).stderr


def test_in_a_mount_that_exists(cli, start, tree):
    (tree.src / "word").write_text("one")
    (tree.src / "d").mkdir()
    told = cli.mount(tree.src, tree.mnt)
    r = start(build.HRFS, "run", "--", "sh", "-c", "echo in $PWD; exec sleep 1000", cwd=tree.mnt / "d")
    r.wait_for(f"in {tree.mnt}/d")
    assert cli("why", cwd=tree.mnt).stdout
    r.signal(signal.SIGINT)
    r.wait()
    assert cli.is_mounted(tree.mnt) and processes.alive(told["pid"])
    cli("umount", tree.mnt)


def test_a_second_supervisor_is_refused(cli, start, tree):
    r = start(build.HRFS, "run", "--", "sleep", "1000", cwd=tree.src)
    r.wait_for("ready")
    second = cli("run", "--", "sleep", "1000", cwd=tree.src, status=None)
    assert second.returncode == 125, second
    assert second.stderr
    assert cli.is_mounted(tree.src), "the first one's mount stays"


def test_umount_ends_it(cli, start, tree):
    r = start(build.HRFS, "run", "--", "sleep", "1000", cwd=tree.src)
    r.wait_for("ready")
    cli("umount", tree.src)
    r.wait()
    gone(tree.dir)


def test_wait_gives_the_compilers_text(cli, start, tree):
    (tree.src / "main.c").write_text("int pause(void);\nint main(void) { return pause(); }\n")
    (tree.src / "hrfs.yaml").write_text("services: {c: {build: cc -o prog main.c, run: ./prog}}\n")
    r = start(build.HRFS, "run", cwd=tree.src)
    r.wait_for("ready")
    cli("wait", cwd=tree.src)
    (tree.src / "main.c").write_text("int main(void) { return nonsense; }\n")
    done = cli("wait", cwd=tree.src, status=1)
    assert "main.c:1" in done.stderr and "nonsense" in done.stderr and done.stdout == ""
    answer = cli.json("wait", cwd=tree.src, status=1)
    assert answer["ok"] is False
    assert "nonsense" in answer["services"][0]["error"]
    assert "main.c" in cli("log", "c", cwd=tree.src).stdout
    assert "main.c" in cli("why", "c", cwd=tree.src).stdout
    assert cli("why", "main.c", cwd=tree.src).stdout
    cli("reload", cwd=tree.src, status=1)
    (tree.src / "main.c").write_text("int pause(void);\nint main(void) { pause(); return 0; }\n")
    cli("wait", cwd=tree.src)
    cli("reload", "--full", "c", cwd=tree.src)
    assert "no service" in cli("reload", "nonsense", cwd=tree.src, status=1).stderr
    assert json.loads(cli("why", "1", "--json", cwd=tree.src).stdout)["reloads"]


def test_log_follows_a_service(cli, start, tree):
    command = "for i in 1 2 3; do echo line $i; done; while read x; do echo got $x; done < fifo; exec sleep 1000"
    os.mkfifo(tree.src / "fifo")
    r = start(build.HRFS, "run", "--name", "talk", "--cmd", command, cwd=tree.src)
    r.wait_for("line 3")
    follow = start(build.HRFS, "log", "-f", "talk", cwd=tree.src)
    follow.wait_for(r"talk \| line 3")
    with open(tree.src / "fifo", "w") as fifo:
        fifo.write("it\n")
        fifo.flush()
        follow.wait_for(r"talk \| got it")
    assert [json.loads(line)["text"] for line in cli("log", "talk", "--json", cwd=tree.src).stdout.splitlines()][:3] == [
        "line 1",
        "line 2",
        "line 3",
    ]
    assert "no service" in cli("log", "-f", "nonsense", cwd=tree.src, status=1).stderr
    r.signal(signal.SIGKILL)
    assert follow.wait() == 3


def test_log_follows_services_that_come_later(cli, start, tree):
    cli("mount", tree.src, tree.mnt)
    follow = start(build.HRFS, "log", "-f", cwd=tree.mnt)
    (tree.mnt / "first").write_text("x")
    follow.wait_for("made     first")
    for _ in range(2):
        r = start(build.HRFS, "run", "--name", "talk", "--", "sh", "-c", "echo hello; exec sleep 1000", cwd=tree.mnt)
        follow.wait_for(r"talk \| hello")
        r.signal(signal.SIGINT)
        r.wait()


@pytest.mark.parametrize(
    "words, says",
    [
        ([], "say what to run: hrfs run -- COMMAND"),
        (["--"], "a command is wanted"),
        (["api", "--", "true"], "either services or a command"),
        (["--cmd", "true", "--", "true"], "two commands"),
        (["--watch", "x"], "for a command"),
        (["--source", "/no/such", "--", "true"], "/no/such: No such file"),
        (["--nonsense"], "unknown option"),
    ],
)
def test_wrong_usage(cli, tree, words, says):
    done = cli("run", *words, cwd=tree.src, status=125)
    assert says in done.stderr, done.stderr
    assert not cli.is_mounted(tree.src)


@pytest.mark.parametrize("file, command", [("go.mod", "go run ."), ("Makefile", "make run")])
def test_suggests_a_command(cli, tree, file, command):
    (tree.src / file).touch()
    assert f"hrfs run -- {command}\n" in cli("run", cwd=tree.src, status=125).stderr


def test_command_that_is_not_there(cli, start, tree):
    r = start(build.HRFS, "run", "--", "no-such-program", cwd=tree.src)
    r.wait_for("no-such-program")
    r.signal(signal.SIGINT)
    assert r.wait() != 0
    gone(tree.dir)


def test_it_ends_when_nobody_reads_what_it_prints(who, start, tree):
    """As other programs in a pipeline do; the command is asked to end as ever."""
    script = "trap 'echo asked >ended; exit' TERM; echo first; while :; do echo more; done"
    command = f"set -o pipefail; {build.HRFS} run -- sh -c \"{script}\" 2>err | head -n 1; echo status $?"
    shell = start("bash", "-c", command, cwd=tree.src, user=who.user, env=who.env)
    shell.wait_for(r"^first\nstatus 141$")
    assert (tree.src / "ended").read_text() == "asked\n"
    gone(tree.dir)


def test_a_copy_in_another_mount_namespace_is_named_and_not_waited_for(run, who, tree, start):
    if os.geteuid() or who.user is not None:
        pytest.skip("needs root, for unshare")
    r = run("--", "sh", "-c", "echo up; exec sleep 1000")
    r.wait_for("ready")
    copy = start("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; exec sleep 1000", cwd="/")
    copy.wait_for("there")
    r.signal(signal.SIGTERM)
    r.wait_for(rf"{tree.src} is unmounted, but its daemon \(pid \d+\) goes on for others that have the mount:")
    r.wait_for(rf"\({copy.pid}\) has a copy of the mount at {tree.src}")
    r.wait()
    copy.signal(signal.SIGKILL)
    gone(tree.dir)


@pytest.mark.parametrize("line", ["{} 2>&1 | cat | tee log", "{} > log 2>&1"])
def test_what_it_prints_into_the_tree_is_no_reason_to_reload(request, who, start, tree, line):
    """A pipeline of a shell, which has opened the file before there was a mount."""

    def printed():
        return os.pread(fd, 1 << 16, 0).decode()

    (tree.src / "word").write_text("one")
    (tree.src / "log").touch()
    who.own(tree.src / "word", tree.src / "log")
    fd = os.open(tree.src / "log", os.O_RDONLY)  # below the mount, as the shell's
    request.addfinalizer(lambda: os.close(fd))
    command = line.format(f"{build.HRFS} run -- sh -c 'echo in: $(cat word); exec sleep 1000'")
    shell = start("sh", "-c", command, cwd=tree.src, user=who.user, env=who.env)
    wait_until(lambda: "ready: first start" in printed(), what="the first start")
    subprocess.run(["sh", "-c", f"echo two >{tree.src}/word; cd {tree.src} && {build.HRFS} wait"], env={**os.environ, **who.env}, check=True, **identity(who.user))
    text = printed()
    assert text.count("in: one") == text.count("in: two") == text.count("ready: word") == 1, text
    assert "already stood" not in text
    if who.user is None:
        assert "what hrfs prints is written there" in who("why", "log", cwd=tree.src).stdout
    who("umount", tree.src)
    shell.wait()
