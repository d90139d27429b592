"""How soon is the first event there on a large tree, and what memory is held for it? Beside Watchman."""

import os
import shutil
import time

from common import NOT_INSTALLED, Place, Table, Watchman, emit, rss_mb, spread

DIRS = 20_000
FILES = 200_000
ROUNDS = 3


def make_tree(top):
    for i in range(DIRS):
        folder = top / f"{i // 400:02}" / f"{i:05}"
        folder.mkdir(parents=True)
        for j in range(FILES // DIRS):
            (folder / f"f{j}").write_text("x\n")
    return "07/03000/f3"


def wait_event(client, name):
    while True:
        push = client.push(timeout=300)
        if name in push.get("files", ()) and not push.get("is_fresh_instance"):
            return


def subscribe(client, root, clock):
    client.call("subscribe", str(root), "bench", {"fields": ["name"], "since": clock, "defer_vcs": False}, timeout=300)


def hrfs_once(place, src, mnt, name):
    start = time.perf_counter()
    m = place.hrfs(src, mnt)
    c = m.client()
    subscribe(c, mnt, c.call("clock", str(mnt))["clock"])
    (mnt / name).write_text(f"{start}\n")
    wait_event(c, name)
    took = time.perf_counter() - start
    processes = [m.keeper] + [int(p) for p in open(f"/proc/{m.keeper}/task/{m.keeper}/children").read().split()]
    first = rss_mb(processes)
    for folder, _, files in os.walk(mnt):  # the kernel now knows every file, and so must the daemon
        for file in files:
            os.stat(os.path.join(folder, file))
    walked = rss_mb(processes)
    c.close()
    m.umount()
    return took, first, walked


def watchman_once(place, src, name):
    w = Watchman(place)
    start = time.perf_counter()
    c = w.client()
    c.call("watch", str(src), timeout=300)
    subscribe(c, src, c.call("clock", str(src), {"sync_timeout": 240_000}, timeout=300)["clock"])
    (src / name).write_text(f"{start}\n")
    wait_event(c, name)
    took = time.perf_counter() - start
    memory = rss_mb([w.process.pid])
    c.close()
    w.process.terminate()
    w.process.wait()
    return took, memory


def main():
    table = Table(
        f"A tree of {DIRS:,} folders and {FILES:,} files: first event and memory, {ROUNDS} runs",
        "who", "start to first event, ms", "memory then, MB", "memory after a walk with stat of everything, MB",
    )  # fmt: skip
    with Place() as place:
        src, mnt = place.make("src"), place.make("mnt")
        name = make_tree(src)
        list(os.walk(src))  # warm for both
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(hrfs_once(place, src, mnt, name))
            if shutil.which("watchman"):
                theirs.append(watchman_once(place, src, name))
        took, first, walked = zip(*ours)
        table.row("hrfs", spread(took), spread(first, 1), spread(walked, 1))
        if theirs:
            took, memory = zip(*theirs)
            table.row("Watchman", spread(took), spread(memory, 1), "the same")
        else:
            table.row("Watchman", NOT_INSTALLED, "", "")
    emit(table)


main()
