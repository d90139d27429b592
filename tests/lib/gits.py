"""Repositories for tests."""

import os
import subprocess

ENV = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@x", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@x"}


def make(directory):
    """Everything that is there, committed."""
    for words in ["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]:
        subprocess.run(["git", *words], cwd=directory, check=True, env={**os.environ, **ENV})
