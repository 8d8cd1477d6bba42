"""The page that a student gets back: what grading found, and the marks that a person gave."""

from __future__ import annotations

from html import escape

from nbgrader.api import MissingEntry

from classroom.grading import feedback


def marks(gradebook, name: str, student: str) -> list[dict]:
    """The questions in words of a hand-in: points, worth and comment, as they stand in the gradebook."""
    try:
        notebook = gradebook.find_submission_notebook(name, name, student)
    except MissingEntry:
        return []
    comments = {comment.name: comment.comment for comment in notebook.comments}
    return [
        {
            "name": grade.name,
            "points": None if grade.needs_manual_grade and grade.manual_score is None else grade.score,
            "worth": grade.max_score,
            "comment": comments.get(grade.name) or "",
        }
        for grade in notebook.grades
        if grade.name.startswith("prose-")
    ]


def page(graded, told: list[dict]) -> str:
    """The engine's page with the marks added; everything that anybody wrote is escaped."""
    section = "\n".join(_mark(mark) for mark in told)
    return feedback.html(graded).replace("</body>", f"{section}\n</body>", 1)


def _mark(mark: dict) -> str:
    points = "not marked yet" if mark["points"] is None else f"{mark['points']:g} of {mark['worth']:g}"
    comment = f"\n<p>{escape(mark['comment'])}</p>" if mark["comment"] else ""
    return f"<h2>{escape(mark['name'])}: {points}</h2>{comment}"
