"""What programs do with files, as a list of cases (in cases/).

Run as `oplist.py DIR [CASE...]`: each case works in an empty directory of its own below DIR and answers what it saw: values,
errno names, stat fields. Printed as one JSON object, so that the answers of two file systems can be compared.
"""

import json
import os
import sys
import traceback

from cases import attributes, content, listings, names, opening, programs, rights  # noqa: F401
from cases.common import CASES


def run(base, only):
    answers = {}
    for function in CASES:
        if only and function.__name__ not in only:
            continue
        d = os.path.join(base, function.__name__)
        os.mkdir(d)
        try:
            answers[function.__name__] = function(d)
        except Exception:
            answers[function.__name__] = traceback.format_exc()
    return answers


if __name__ == "__main__":
    os.umask(0o022)
    print(json.dumps(run(sys.argv[1], sys.argv[2:])))
