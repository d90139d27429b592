"""Other tools to measure against, and to be watched by: where they are, and how those that are no Debian package come there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hrfs"
PEER_PATH = os.pathsep.join([str(CACHE / "bin"), str(CACHE / "npm/node_modules/.bin"), os.environ.get("PATH", "")])
MODULES = ["nodemon", "chokidar", "@parcel/watcher", "typescript@5", "vite"]

# Into a cache folder, and only if their installer is here.
INSTALLERS = {
    "npm": ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(CACHE / "npm"), *MODULES],
    "air": ["go", "install", "github.com/air-verse/air@latest"],
    "watchexec": ["cargo", "install", "-q", "--locked", "--root", str(CACHE), "watchexec-cli"],
}


def peer(name):
    """The path of another tool, or None."""
    return shutil.which(name, path=PEER_PATH)


def has_module(name):
    """Of node: "typescript", "@parcel/watcher", with or without a version."""
    return (CACHE / "npm/node_modules" / re.sub(r"(.)@.*", r"\1", name)).is_dir()


def install_peers():
    (CACHE / "bin").mkdir(parents=True, exist_ok=True)
    for name, argv in INSTALLERS.items():
        there = peer(name) if name != "npm" else all(has_module(m) for m in MODULES)
        if there or not shutil.which(argv[0]):
            continue
        print(f"bench: installing {name} into {CACHE} (once)", file=sys.stderr, flush=True)
        env = {**os.environ, "GOBIN": str(CACHE / "bin")}
        done = subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"bench: not installed: {done.stderr.strip()[-300:]}", file=sys.stderr)
