#!/usr/bin/env python3
"""Which file may include which: core/base <- core <- {fs, supervisor, cli}, and one home for each third-party header.

    includes.py SOURCE_ROOT

Says each include that runs the wrong way, "FILE:LINE: why", and ends with 1 when there is one.
"""

import pathlib
import re
import sys

# A folder, and the folders that its files may include from. The longest name that fits a file counts.
MAY = {
    "core/base": ["core/base"],
    "core": ["core"],
    "fs": ["fs", "core"],
    "supervisor": ["supervisor", "core"],
    "cli": ["cli", "core"],
    "tests": ["tests", "core", "fs", "supervisor", "cli"],
}

# What hrfs-fs must never run: it reads what a hostile tree may hold.
NEVER = {"fs": ["core/config.h", "core/config_keys.h", "core/trust.h"]}

# A third-party header, and the one file or folder (with a slash at its end) that may include it.
HOMES = {
    "fuse_lowlevel.h": "fs/fuse.h",
    "linux/fuse.h": "fs/fuse.h",
    "jansson.h": "core/json.h",
    "uv.h": "core/base/loop.h",
    "yaml.h": "core/config_yaml.c",
    "xxhash.h": "core/hash.c",
    "git2.h": "fs/git/",
    "cmocka.h": "tests/unit/test.h",
}

# What the C library and the kernel have; anything else is third-party and wants a home above.
SYSTEM_FOLDERS = {"arpa", "asm", "linux", "net", "netinet", "sys"}
SYSTEM = set(
    """aio alloca argp argz assert byteswap complex cpio ctype dirent dlfcn elf endian envz err errno error execinfo
    fcntl features fenv float fmtmsg fnmatch fts ftw getopt glob grp iconv ifaddrs inttypes langinfo libgen limits link
    locale malloc math memory mntent monetary mqueue netdb nl_types obstack paths poll pthread pty pwd regex resolv sched
    search semaphore setjmp sgtty shadow signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdio_ext
    stdlib stdnoreturn string strings sysexits syslog tar termio termios tgmath threads time uchar ucontext ulimit
    unistd utime utmp utmpx wchar wctype wordexp""".split()
)

GENERATED = {"hrfs-config.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def folder_of(name):
    fitting = [f for f in MAY if name.startswith(f + "/")]
    return max(fitting, key=len, default=None)


def why_not_own(root, name, header):
    folder = folder_of(name)
    if header in GENERATED:
        return None
    if "/" not in header:
        return f'"{header}" does not name its folder'
    if not (root / header).is_file():
        return f'"{header}" is no file of the project'
    if not any(header.startswith(f + "/") for f in MAY[folder]):
        return f'{folder} must not include "{header}"'
    if header in NEVER.get(folder, []):
        return f'{folder} must do without "{header}"'
    return None


def why_not_system(name, header):
    home = HOMES.get("git2.h" if header.startswith("git2/") else header)
    if home:
        at_home = name.startswith(home) if home.endswith("/") else name == home
        return None if at_home else f"<{header}> has its home in {home}"
    first, slash, _ = header.partition("/")
    if (first in SYSTEM_FOLDERS) if slash else (header.endswith(".h") and header[:-2] in SYSTEM):
        return None
    return f"<{header}> is not the C library's: give it one home (tests/includes.py, docs/architecture.md)"


def wrong_includes(root):
    for folder in ("core", "fs", "supervisor", "cli", "tests"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            name = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                own, system = match.groups()
                why = why_not_own(root, name, own) if own else why_not_system(name, system)
                if why:
                    yield f"{name}:{number}: {why}"


def check_itself():
    """The rules, on names that need no file: a test that finds nothing because it looks at nothing would be none."""
    here = pathlib.Path(__file__).resolve().parents[1]
    wrong = [
        why_not_own(here, "core/base/x.c", "core/hash.h"),
        why_not_own(here, "core/x.c", "fs/node.h"),
        why_not_own(here, "fs/x.c", "supervisor/plan.h"),
        why_not_own(here, "fs/x.c", "core/config.h"),
        why_not_own(here, "cli/x.c", "fs/node.h"),
        why_not_own(here, "core/x.c", "hash.h"),
        why_not_own(here, "core/x.c", "core/nothing.h"),
        why_not_system("core/query.c", "jansson.h"),
        why_not_system("fs/node.c", "git2/ignore.h"),
        why_not_system("core/x.c", "openssl/sha.h"),
        why_not_system("core/x.c", "zlib.h"),
    ]
    right = [
        why_not_own(here, "core/x.c", "core/base/buf.h"),
        why_not_own(here, "cli/x.c", "core/config.h"),
        why_not_own(here, "core/base/exe.c", "hrfs-config.h"),
        why_not_system("core/json.h", "jansson.h"),
        why_not_system("fs/git/main.c", "git2.h"),
        why_not_system("core/x.c", "sys/stat.h"),
        why_not_system("core/x.c", "string.h"),
    ]
    return all(wrong) and not any(right)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    if not check_itself():
        sys.exit("includes.py: its own rules do not hold")
    wrong = list(wrong_includes(root))
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
