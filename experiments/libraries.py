"""The audits of SciPy, PyTorch and JAX; a library that is not installed keeps what was recorded of it.

Their functions are audited with two minutes each: JAX compiles every new shape.
"""

import importlib
import sys
from dataclasses import asdict

from course_utils import elsewhere
from course_utils.audit import audit
from course_utils.audit.verdict import FAIL, STATUSES

KINDS = ("softmax", "log_softmax", "logsumexp", "cross_entropy", "cross_entropy_with_grad")
SECONDS = 120.0
_HOMES = {"SciPy": "scipy", "PyTorch": "torch", "JAX": "jax"}


def run():
    """One row for each kind and library."""
    known = {(row.kind, row.library): row for row in elsewhere.recorded()}
    fresh = {
        (kind, name): measured(kind, name, f)
        for kind in KINDS
        for name, f in elsewhere.functions(kind).items()
    }
    rows = {**known, **fresh}
    return {"audits": [asdict(rows[kind, name]) for kind in KINDS for name in _HOMES if (kind, name) in rows]}


def measured(kind, library, function, **options):
    """What the audit says of one function now."""
    report = audit(function, kind, **{"name": f"{library} {kind}", "seconds": SECONDS, **options})
    counts = {status: len(report.of(status)) for status in STATUSES}
    failed = {}
    for finding in report.of(FAIL):
        failed.setdefault(finding.group, []).append(finding.case)
    version = importlib.import_module(_HOMES[library]).__version__.partition("+")[0]
    print(f"{library} {version} {report.summary}", file=sys.stderr)
    return elsewhere.Audited(kind, library, version, counts, failed)
