"""What comes out of grading one hand-in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass
class Graded:
    """Points by exercise, and the words that go with them.

    feedback  sentences by exercise: plain text that may hold what a student wrote, and holds no graded input
    prose     answers in words by grade id, to be read by a person; as untrusted as everything a student wrote
    reason    why nothing could be graded, or ""
    notes     what a teacher should know about the hand-in
    """

    problem_set: str
    student: str
    worth: dict[str, float]
    points: dict[str, float]
    feedback: dict[str, list[str]] = field(default_factory=dict)
    prose: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def nothing(cls, problem_set, student, reason=""):
        worth = {problem.key: float(problem.points) for problem in problem_set.problems}
        return cls(problem_set.name, student, worth, dict.fromkeys(worth, 0.0), reason=reason)

    @property
    def total(self) -> float:
        return sum(self.points.values())

    @property
    def maximum(self) -> float:
        return sum(self.worth.values())

    def as_dict(self) -> dict:
        return asdict(self) | {"total": self.total, "maximum": self.maximum}

    @classmethod
    def from_dict(cls, told) -> Graded:
        return cls(**{key: value for key, value in told.items() if key not in ("total", "maximum")})
