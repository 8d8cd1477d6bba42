"""The audit as the judge of the five losses: which cases each of them is asked, and what a refusal says."""

from __future__ import annotations

from collections import Counter

from course_utils.audit import audit
from course_utils.audit.verdict import FAIL
from course_utils.exercises.core import Refused
from course_utils.exercises.lesson_12.broken import KINDS
from course_utils.mistakes import MISTAKES

# What every one of them promises, in float32 and float64. Digits of a row that is right are not asked for: a classic
# max-shift loses them, and nothing here is about that.
_ORDINARY = (
    "three ordinary logits, target 2",
    "four ascending logits, target 0",
    "two huge equal logits, target 1",
    "two equal logits far below 0, target 0",
    "as far apart as it gets, target 1",
    "each exp is finite, their sum is not, target 0",
    "a batch of 2 x 3, target 0",
    "a batch of 3 x 3, target 0",
    "a batch whose rows lie far apart, target 0",
    "wrong by 17",
    "wrong by 700",
    "another class at -inf",
    "the target at -inf",
    "a NaN in one row of two",
)
_OWN = {
    "A": ("1100 rows that lie far apart, float32", "a batch whose columns lie far apart, target 0, float32"),
    "B": ("ignore_index=*", "* in an ignored row"),
    "C": ("weight=*", "a target beyond the last class"),
    "D": (
        "1100 equal logits, *16",
        "the mean of 4000 equal losses, *16",
        "three ordinary logits, target 2, *16",
        "wrong by 1.1 absorption margins, *16",
    ),
    "E": (
        "two logits offset by 1e4, *",
        "the largest finite number, twice, target 1, *",
        "three rows of four, float*",
    ),
}
LIKELY = {
    "A": ("epsilon_in_log", "clip_probabilities", "onehot_times_log"),
    "B": ("mean_over_ignored_rows", "ignore_only_minus_100", "multiply_ignored_by_zero"),
    "C": ("weighted_mean_over_rows",),
    "D": ("sum_losses_in_narrow_format",),
    "E": ("gradient_of_sum", "gradient_through_clip", "gradient_through_epsilon"),
}
_MANNERS = ("the input is never written", "every case is answered in time", "global state is put back")
_SECONDS = 2.0


def asked(name: str) -> tuple[str, ...]:
    """The cases that this loss is asked."""
    return (*(f"{case}, float{bits}" for case in _ORDINARY for bits in (32, 64)), *_OWN[name])


def by_audit(name: str, function) -> Refused | None:
    """What the audit has against this repair, told by the case with the shortest input; None where it has nothing."""
    report = audit(function, KINDS[name], only=asked(name), seconds=_SECONDS)
    failed = [one for one in report.of(FAIL) if one.group != "behaviour" or one.case in _MANNERS]
    if not failed:
        return None
    first = min(failed, key=lambda one: (one.group == "behaviour", len(one.input)))
    mistake = _likely(name, failed)
    details = [
        ("the case", f"{first.case} ({len(failed)} of {len(report.findings)} fail)"),
        ("the input", first.input),
        ("your answer", first.came_out),
        ("the truth", first.truth),
        ("what happened", first.why),
        ("looks like", MISTAKES[mistake].diagnosis if mistake else ""),
    ]
    return Refused(tuple((label, text) for label, text in details if text), mistake)


def _likely(name, failed):
    """The mistake that explains at least half of the failures, where one of those that fit this loss does; else ""."""
    counts = Counter(one.mistake for one in failed if one.mistake in LIKELY[name])
    mistake, count = counts.most_common(1)[0] if counts else ("", 0)
    return mistake if 2 * count >= len(failed) else ""
