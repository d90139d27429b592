"""How long after close() does a client know of a save: raw and settled, beside raw inotify and Watchman?"""

import json
import os
import shutil
import subprocess

from common import NOT_INSTALLED, Place, Table, Watchman, compile_helper, emit, percentile

COUNT = 100
ROUNDS = 3


def run(kind, file, *more, start="close"):
    program = compile_helper("events")
    out = subprocess.run(
        [program, kind, file, str(COUNT), *map(str, more)],
        check=True, capture_output=True, text=True, env={**os.environ, "FROM": start},
    )  # fmt: skip
    lines = out.stdout.split()
    return [float(x) for x in lines if x != "lost"], lines.count("lost")


def subscription(root, **more):
    what = {"fields": ["name"], "defer_vcs": False, **more}
    return json.dumps(["subscribe", str(root), "bench", what])


def main():
    table = Table(
        f"From a save to the event, microseconds, {ROUNDS} × {COUNT} saves",
        "who", "from", "p50", "p95", "least", "most", "lost",
    )  # fmt: skip
    with Place() as place:
        plain, src, mnt = place.make("plain"), place.make("src"), place.make("mnt")
        for folder in (plain, src):
            (folder / "file").write_text("version 00000\n")
        m = place.hrfs(src, mnt)
        subjects = {
            ("inotify on a plain folder", "close"): lambda: run("inotify", plain / "file"),
            ("inotify on a plain folder", "write"): lambda: run("inotify", plain / "file", start="write"),
            ("one request that does nothing, on the mount", "getxattr"): lambda: run("request", mnt / "file"),
            ("hrfs, raw notice", "write"): lambda: run(
                "socket", mnt / "file", m.socket, subscription(mnt, **{"hrfs-raw": True}), start="write"
            ),
            ("hrfs, settled", "close"): lambda: run("socket", mnt / "file", m.socket, subscription(mnt)),
        }
        if shutil.which("watchman"):
            w = Watchman(place)
            with w.client() as c:
                c.call("watch", str(plain))
            subjects["Watchman on a plain folder", "close"] = lambda: run(
                "socket", plain / "file", w.socket, subscription(plain)
            )
        found = {key: ([], []) for key in subjects}
        for _ in range(ROUNDS):
            for key, subject in subjects.items():
                values, lost = subject()
                found[key][0].extend(values)
                found[key][1].append(lost)
        for (who, start), (values, lost) in found.items():
            v = values or [float("nan")]
            table.row(
                who, f"{start}()", *(f"{percentile(v, p):.0f}" for p in (50, 95)), f"{min(v):.0f}", f"{max(v):.0f}", sum(lost)
            )
        if not shutil.which("watchman"):
            table.row("Watchman", "close()", NOT_INSTALLED, "", "", "", "")
    emit(table)


main()
