"""Copies of hrfs-job that may do more or less than the one that was built."""

import os
import shutil

from tests.lib import build


def own_job(directory):
    """Makes the directory into what $HRFS_LIBEXECDIR is to hold, and returns its hrfs-job."""
    directory.mkdir()
    job = directory / "hrfs-job"
    shutil.copy(build.HRFS_JOB, job)
    job.chmod(0o755)
    for program in (build.HRFS_FS, build.HRFS_GIT, build.HRFS_SUPERVISOR):
        (directory / program.name).symlink_to(program)
    return job


def unable_job(directory):
    """An environment in which hrfs-job may not mark what jobs open, whoever starts it."""
    job = own_job(directory)
    if os.geteuid() == 0:
        job.rename(job.with_suffix(".real"))
        # an ordinary user may not drop what he has not, and this copy gives him nothing
        job.write_text(f'#!/bin/sh\n[ "$(id -u)" = 0 ] || exec {job}.real "$@"\nexec setpriv --bounding-set -sys_admin {job}.real "$@"\n')
        job.chmod(0o755)
    return {"HRFS_LIBEXECDIR": str(job.parent)}
