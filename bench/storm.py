"""A storm of small files: how long does it take, and how many of them did each see?"""

import shutil
import subprocess
import threading
import time

from common import NOT_INSTALLED, Place, Table, Watchman, compile_helper, emit, spread, until

COUNT = 100_000
ROUNDS = 3


def storm(folder):
    out = subprocess.run([compile_helper("storm"), folder, str(COUNT)], check=True, capture_output=True, text=True)
    return float(out.stdout)


def empty(folder):
    subprocess.run(["find", folder, "-mindepth", "1", "-delete"], check=True)


def files_in(names):
    return len({n for n in names if "/f" in n})


def native(folder):
    took = storm(folder)
    empty(folder)
    return took, ""


class Pushes(threading.Thread):
    """A subscriber that keeps reading, as a client should."""

    def __init__(self, client, root):
        super().__init__(daemon=True)
        self.client, self.names = client, set()
        client.call("subscribe", str(root), "storm", {"fields": ["name"], "defer_vcs": False})
        self.start()

    def run(self):
        try:
            while True:
                self.names.update(self.client.push(timeout=600).get("files", ()))
        except Exception:
            pass


def hrfs(place, src, mnt):
    m = place.hrfs(src, mnt)
    pushes = Pushes(m.client(timeout=600), mnt)
    clock = m.clock()
    took = storm(mnt)
    m.settle(timeout=300)
    answer = m.ask("query", {"since": clock, "fields": ["name"]}, timeout=300)
    fresh = " (a fresh instance)" if answer.get("is_fresh_instance") else ""
    seen = f"{files_in(answer['files']):,}{fresh} asked, "
    try:
        until(lambda: files_in(pushes.names) >= COUNT, timeout=10, step=0.2)
    except TimeoutError:
        pass
    seen += f"{files_in(pushes.names):,} pushed"
    m.umount()
    empty(src)
    return took, seen


def watchman(place, folder):
    w = Watchman(place)
    with w.client() as c:
        c.call("watch", str(folder))
        clock = c.call("clock", str(folder), {"sync_timeout": 60_000})["clock"]
        took = storm(folder)
        answer = c.call("query", str(folder), {"since": clock, "fields": ["name"], "sync_timeout": 240_000}, timeout=300)
    fresh = " (after a recrawl: a fresh instance)" if answer.get("is_fresh_instance") else ""
    w.process.terminate()
    w.process.wait()
    empty(folder)
    return took, f"{files_in(answer['files']):,}{fresh} asked"


def inotifywait(place, folder):
    log = place.dir / "inotifywait.log"
    with open(log, "w") as out:
        p = place.start(["inotifywait", "-m", "-r", "-e", "close_write", "--format", "%w%f", folder], stdout=out)
    until(lambda: "Watches established" in log.read_text())
    took = storm(folder)
    size = -1
    while size != log.stat().st_size:  # until it has written nothing for a second
        size = log.stat().st_size
        time.sleep(1)
    p.terminate()
    p.wait()
    seen = files_in(log.read_text().splitlines())
    empty(folder)
    return took, f"{seen:,} told"


def main():
    table = Table(f"{COUNT:,} files created, written and closed, {ROUNDS} runs", "who", "seconds", "files seen")
    with Place() as place:
        plain, src, mnt = place.make("plain"), place.make("src"), place.make("mnt")
        subjects = {
            "nobody looks, plain folder": lambda: native(plain),
            "hrfs": lambda: hrfs(place, src, mnt),
            "Watchman on a plain folder": (lambda: watchman(place, plain)) if shutil.which("watchman") else None,
            "inotifywait -r on a plain folder": (lambda: inotifywait(place, plain)) if shutil.which("inotifywait") else None,
        }
        found = {name: [] for name in subjects}
        for _ in range(ROUNDS):
            for name, run in subjects.items():
                if run:
                    found[name].append(run())
        for name, results in found.items():
            if not results:
                table.row(name, NOT_INSTALLED, "")
                continue
            seconds, seen = zip(*results)
            table.row(name, spread(seconds, 1), "; ".join(dict.fromkeys(seen)))
    emit(table)


main()
