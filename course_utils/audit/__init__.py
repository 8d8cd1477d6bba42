"""Puts any softmax, log_softmax, logsumexp, cross-entropy, or a disguise of them, through every edge case.

    from course_utils.audit import audit
    audit(my_softmax)                               # kind told by the name, or kind="softmax"
    assert_stable(my_softmax)                       # the same in a test: an AssertionError where it fails
    python -m course_utils.audit scipy.special:softmax --json report.json

room        holds
cases       what is asked
subject     how a function of NumPy, SciPy, PyTorch, JAX or your own is called
conditioning  how far an honest form of a disguised softmax may end up
verdict     pass, fail or declared difference
diagnosis   which known mistake it looks like
runner      all cases, one function
report      text, table, JSON
assertion   the audit in a team's tests, and the failures that the team allows
"""

from course_utils.audit.assertion import assert_stable
from course_utils.audit.report import Finding, Report
from course_utils.audit.runner import audit
from course_utils.audit.subject import KINDS, ROOM_KINDS

__all__ = ["KINDS", "ROOM_KINDS", "Finding", "Report", "assert_stable", "audit"]
