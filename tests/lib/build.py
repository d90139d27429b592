"""Where the built executables are: $HRFS_BUILD, else ./build."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HRFS_BUILD") or ROOT / "build").resolve()
HRFS = BUILD / "cli" / "hrfs"
HRFS_FS = BUILD / "fs" / "hrfs-fs"
HRFS_GIT = BUILD / "fs" / "git" / "hrfs-git"
HRFS_SUPERVISOR = BUILD / "supervisor" / "hrfs-supervisor"
UPGRADE = BUILD / "tests" / "upgrade"  # other versions of hrfs-fs, in builds with -Dlayout_test=true
HRFS_JOB = BUILD / "supervisor" / "job" / "hrfs-job"


def job_may_mark():
    """Does hrfs-job see what is read? It may as root, and with its file's capability (tests/run.sh gives it to the ordinary user's)."""
    try:
        return os.geteuid() == 0 or bool(os.getxattr(HRFS_JOB, "security.capability"))
    except OSError:
        return False
