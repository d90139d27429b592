"""Mounts as /proc/self/mountinfo tells them, and how to get rid of them whatever state they are in."""

import ctypes
import os
import subprocess

CLONE_NEWNS = 0x20000
MS_REMOUNT = 1 << 5
MS_REC = 1 << 14
MS_PRIVATE = 1 << 18
MNT_FORCE = 1
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
libc = ctypes.CDLL(None, use_errno=True)


def _unescape(field):
    out, i = bytearray(), 0
    while i < len(field):
        if field[i : i + 1] == b"\\":
            out.append(int(field[i + 1 : i + 4], 8))
            i += 4
        else:
            out += field[i : i + 1]
            i += 1
    return bytes(out)


def mounts():
    """[(mountpoint as bytes, "MAJOR:MINOR", type)], oldest first."""
    found = []
    with open("/proc/self/mountinfo", "rb") as f:
        for line in f:
            fields = line.split()
            kind = fields[fields.index(b"-") + 1]
            found.append((_unescape(fields[4]), fields[2].decode(), kind.decode()))
    return found


def below(directory):
    """Those at or below the directory, innermost first. The path is never touched: it may hang."""
    top = os.fsencode(directory)
    return [m for m in reversed(mounts()) if m[0] == top or m[0].startswith(top + b"/")]


def device_of(mountpoint):
    """"MAJOR:MINOR" of what is mounted last at exactly this path, or None."""
    wanted = os.fsencode(mountpoint)
    return next((dev for path, dev, _ in reversed(mounts()) if path == wanted), None)


def leave_namespace():
    """This process and what it starts have mounts of their own from now on."""
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None):
        raise OSError(ctypes.get_errno(), "no mount namespace of our own")


def drop_caches(mountpoint):
    """The kernel forgets what nobody has open, of this mount alone: what else runs here goes on as before. As root."""
    if libc.mount(b"none", ctypes.c_char_p(os.fsencode(mountpoint)), None, ctypes.c_ulong(MS_REMOUNT), None):
        raise OSError(ctypes.get_errno(), f"remount of {mountpoint}")


def detach(mountpoint):
    if os.geteuid() == 0:
        libc.umount2(ctypes.c_char_p(mountpoint), MNT_DETACH | UMOUNT_NOFOLLOW)
    else:
        subprocess.run(
            ["fusermount3", "-u", "-z", "-q", "--", mountpoint], check=False, stdin=subprocess.DEVNULL
        )


def abort(mountpoint, device):
    """Ends the FUSE connection: every process that waits for an answer gets an error. True: through fusectl."""
    try:
        with open(f"/sys/fs/fuse/connections/{device.partition(':')[2]}/abort", "w") as f:
            f.write("1")
        return True
    except OSError:  # fusectl is not mounted
        if os.geteuid() == 0:
            libc.umount2(ctypes.c_char_p(mountpoint), MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)
        return False


def abort_below(directory):
    for path, device, kind in below(directory):
        if kind.startswith("fuse"):
            abort(path, device)


def detach_below(directory):
    """Detaches all that is left; returns it."""
    left = below(directory)
    for path, _, _ in left:
        detach(path)
    return left
