"""Who may do what."""

import os

from cases.common import case, get, listing, put, told


@case
def permissions(d):
    """What an owner may not do any more (root may all)."""
    os.mkdir(d + "/locked")
    put(d + "/locked/f", b"x")
    put(d + "/secret", b"x")
    os.chmod(d + "/secret", 0)
    os.chmod(d + "/locked", 0)
    out = [told(get, d + "/secret"), told(put, d + "/secret", b"y"), told(get, d + "/locked/f"), told(os.listdir, d + "/locked"), told(put, d + "/locked/g")]
    out += [os.access(d + "/secret", os.R_OK), os.access(d + "/locked", os.X_OK)]
    os.chmod(d + "/locked", 0o500)
    out += [told(put, d + "/locked/g2"), told(os.unlink, d + "/locked/f"), told(os.rename, d + "/locked/f", d + "/x"), listing(d + "/locked")]
    os.chmod(d + "/locked", 0o700)
    os.chmod(d, 0o755)
    return out
