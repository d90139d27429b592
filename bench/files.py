"""What does ordinary file work cost on the mount, beside native and two other FUSE file systems?"""

import contextlib
import os
import shutil
import statistics
import subprocess
import sys

from common import NOT_INSTALLED, Place, Table, alternate, compile_helper, emit, processes

ROUNDS = 5
FOLDERS, FILES_EACH = 60, 50


def make_project(top, seed=0):
    """A repository of small C files that compile, with a Makefile-free build."""
    for i in range(FOLDERS):
        folder = top / f"lib{i:02}"
        folder.mkdir(parents=True)
        for j in range(FILES_EACH):
            body = "\n".join(f"int f{i}_{j}_{k}(int x) {{ return x * {k} + {seed}; }}" for k in range(30))
            (folder / f"m{j:02}.c").write_text(f"/* {i}.{j} */\n{body}\n")
    git = ["git", "-C", str(top), "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "all"], check=True)


def quiet(*argv, cwd):
    subprocess.run([str(a) for a in argv], cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def walk(top):
    for folder, _, files in os.walk(top):
        for file in files:
            os.stat(os.path.join(folder, file))


def compile_some(top):
    for i in range(2):
        sources = sorted((top / f"lib{i:02}").glob("*.c"))
        quiet("cc", "-O1", "-c", *(s.name for s in sources), cwd=top / f"lib{i:02}")


def untar(top, archive):
    quiet("tar", "-xf", archive, cwd=top)
    shutil.rmtree(top / "unpacked")


def make_archive(place, project):
    archive = place.dir / "some.tar"
    quiet("tar", "-cf", archive, "--exclude=.git", "--transform=s,^,unpacked/,", ".", cwd=project)
    return archive


def jobs(top, archive):
    opens = compile_helper("opens")
    return {
        "walk and stat 3,000 files": lambda: walk(top),
        "git status": lambda: quiet("git", "status", "--porcelain", cwd=top),
        "grep -r": lambda: quiet("grep", "-r", "f59_49_29", ".", cwd=top),
        "open+read+close, 3,000 files × 10": lambda: quiet(opens, ".", "10", cwd=top),
        "compile 100 files": lambda: compile_some(top),
        "untar 3,000 files and remove them": lambda: untar(top, archive),
    }


def subjects(place):
    """{name: folder or None}, each over a tree of its own."""
    names = ["native", "hrfs", "hrfs, sole_writer", "bindfs", "fuse-overlayfs"]
    sources = {}
    for name in names:
        sources[name] = place.make("src-" + name.replace(", ", "-"))
        make_project(sources[name])
    mounts = {name: place.make("mnt-" + name.replace(", ", "-")) for name in names}
    place.hrfs(sources["hrfs"], mounts["hrfs"])
    place.hrfs(sources["hrfs, sole_writer"], mounts["hrfs, sole_writer"], "sole_writer")
    return {
        "native": sources["native"],
        "hrfs": mounts["hrfs"],
        "hrfs, sole_writer": mounts["hrfs, sole_writer"],
        "bindfs": place.bindfs(sources["bindfs"], mounts["bindfs"]),
        "fuse-overlayfs": place.fuse_overlayfs(sources["fuse-overlayfs"], mounts["fuse-overlayfs"]),
    }, sources["native"]


def cell(times, native):
    if times is None:
        return NOT_INSTALLED
    median = statistics.median(times)
    text = f"{median * 1000:.0f} ({min(times) * 1000:.0f}–{max(times) * 1000:.0f})"
    return text if native is None else f"{text}, **{median / native:.1f}×**"


@contextlib.contextmanager
def on_processors(some):
    """This process, what it starts, and the file systems' daemons, which are its descendants."""
    everything = os.sched_getaffinity(0)

    def keep_to(processors):
        for pid in [os.getpid(), *processes.descendants(os.getpid())]:
            for task in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task), processors)

    keep_to(some)
    try:
        yield
    finally:
        keep_to(everything)


def measure(table, what, run):
    """One row; run: {subject: function or None}"""
    for warm in filter(None, run.values()):
        warm()
    times = alternate(run, ROUNDS)
    native = statistics.median(times["native"])
    table.row(what, *(cell(times.get(n), None if n == "native" else native) for n in run))


def main():
    table = Table(
        f"Warm file work, milliseconds: median (min–max) of {ROUNDS} alternating runs, and times native",
        "what", "native", "hrfs", "hrfs, sole_writer", "bindfs", "fuse-overlayfs",
    )  # fmt: skip
    with Place() as place:
        folders, project = subjects(place)
        archive = make_archive(place, project)
        all_jobs = {name: jobs(folder, archive) if folder else None for name, folder in folders.items()}
        for what in all_jobs["native"]:
            measure(table, what, {name: j[what] if j else None for name, j in all_jobs.items()})
        with on_processors({min(os.sched_getaffinity(0))}):
            measure(table, "the same, all on one processor", {n: j[what] if j else None for n, j in all_jobs.items()})
    emit(table)


if __name__ == "__main__":
    sys.exit(main())
