"""Bets and reviews: the data fit together, the record is honest, the text stands without a kernel."""

import re
import tomllib

import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_utils import figures, quiz

FILES = sorted(quiz.QUESTIONS.glob("lesson_*.toml"))
ALL = [question for path in FILES for question in quiz.questions(int(path.stem[-2:]))]


@pytest.fixture(autouse=True)
def fresh_score(monkeypatch):
    monkeypatch.setattr(quiz, "_FIRST_ANSWERS", {})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_holds_questions_of_its_lesson(path):
    entries = tomllib.loads(path.read_text("utf-8"))["question"]
    keys = [entry["key"] for entry in entries]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(path.stem[-2:] + "-") for key in keys)


@pytest.mark.parametrize("question", ALL, ids=lambda question: question.key)
def test_every_choice_is_answered(question):
    texts = [choice.text for choice in question.choices]
    assert len(set(texts)) == len(texts) >= 2
    assert all(len(choice.feedback) > 10 for choice in question.choices)
    told = " ".join(
        [question.prompt, question.explanation, *(choice.feedback for choice in question.choices)]
    )
    assert not re.search(r"(?<!\*)\*\w+\*(?!\*)", told), "**strong** is the only emphasis"
    assert len(question.prompt) > 10
    assert len(question.explanation) > 20


@pytest.mark.parametrize("question", ALL, ids=lambda question: question.key)
def test_every_wrong_choice_is_refuted_by_a_computation_or_says_why_not(question, capfd):
    for number, choice in enumerate(question.choices):
        if number != question.answer:
            assert bool(choice.shows) != bool(choice.no_value), choice.text
        if choice.shows:
            value = quiz.value_of.__wrapped__(choice.shows)
            assert 0 < len(value) <= 100
            assert f"`{choice.shows}` gives `{value}`" in choice.told()
            assert "`" not in choice.shows
    assert capfd.readouterr() == ("", "")


def test_what_is_shown_is_computed_once_and_in_six_digits():
    assert quiz.value_of("np.float64(2) / 3") == "0.666667"
    assert quiz.value_of("np.exp(np.float32([1000, -1000]))") == "[inf, 0]"
    before = quiz.value_of.cache_info().misses
    quiz.value_of("np.float64(2) / 3")
    assert quiz.value_of.cache_info().misses == before


def test_a_bet_is_told_when_the_next_cell_has_run_and_not_on_the_click():
    bet = quiz.bet("00-thousand")
    bet.chosen = {"00-thousand": 1}
    assert (bet.told, bet.score) == (False, "")
    bet.chosen = {"00-thousand": 0}  # a bet may be changed until the wheel turns
    line = bet.next_has_run()
    assert bet.told
    assert "A surprise" in line
    assert all(
        figures.inline(text) in line for text in (asked_as("00-thousand").choices[0].text, "NaN, 0, 0")
    )
    assert bet.score == "Surprises so far: 1 in 1 bet."
    bet.chosen = {"00-thousand": 2}
    assert bet.score == "Surprises so far: 1 in 1 bet.", "the answer before the run counts"
    again = quiz.bet("00-thousand")
    again.chosen = {"00-thousand": 2}
    again.next_has_run()
    assert quiz.score("bet") == "Surprises so far: 1 in 1 bet."


def test_a_right_bet_is_no_surprise():
    bet = quiz.bet("00-thousand")
    bet.chosen = {"00-thousand": 2}
    assert bet.next_has_run().startswith("<p><strong>✓ As you predicted")
    assert bet.score == "Surprises so far: 0 in 1 bet."


def test_a_bet_is_never_forced():
    bet = quiz.bet("00-thousand")
    assert bet.next_has_run() == ""
    assert (bet.told, bet.score) == (False, "")
    bet.chosen = {"00-thousand": 0}  # after the run: told at once
    assert bet.told
    asked_now = quiz.bet("00-thousand")
    asked_now.chosen = {"00-thousand": 0}
    asked_now.told = True  # "Tell me now"
    assert asked_now.score


def test_a_review_answers_at_once_and_is_no_bet():
    review = quiz.review(1)
    first = review._asked[0]
    review.chosen = {first.key: first.answer}
    assert review.score == "Right at the first try: 1 of 1."
    assert quiz.score("bet") == ""
    assert review.next_has_run() == ""


@pytest.fixture
def shell(capsys):
    shell = InteractiveShell.instance()
    yield shell
    shell.events.callbacks["pre_run_cell"].remove(quiz._NEXT._begin)
    shell.events.callbacks["post_run_cell"].remove(quiz._NEXT._end)
    InteractiveShell.clear_instance()


def bet_in(shell):
    """The bet of a cell that has run in this shell, answered."""
    shell.run_cell('from course_utils import quiz\nbet = quiz.bet("00-thousand")')
    shell.user_ns["bet"].chosen = {"00-thousand": 0}
    return shell.user_ns["bet"]


def test_the_cell_after_a_bet_tells_it_and_a_failing_cell_does_not(shell):
    bet = bet_in(shell)
    assert not bet.told, "its own cell is not the next one"
    shell.run_cell("1 / 0")
    assert not bet.told
    shell.run_cell("x = 1")
    assert bet.told


def test_a_bet_whose_own_cell_runs_again_is_asked_anew_and_not_told(shell):
    bets = [bet_in(shell), bet_in(shell)]
    assert [bet.told for bet in bets] == [False, False]
    shell.run_cell("x = 1")
    assert [bet.told for bet in bets] == [False, True]


def asked_as(key):
    return next(question for question in quiz.questions(int(key[:2])) if question.key == key)


def test_a_review_asks_all_review_questions_of_its_lesson():
    asked = quiz.review(0).questions
    assert [one["key"] for one in asked] == [q.key for q in quiz.questions(0) if q.kind == "review"]
    assert asked


def test_the_text_without_a_kernel_folds_the_answer_away():
    asked = next(question for question in quiz.questions(0) if question.key == "00-thousand")
    data, _ = quiz.bet("00-thousand")._repr_mimebundle_()
    question, answer = data["text/html"].split("<details>")
    for choice in asked.choices:
        assert figures.inline(choice.text) in question
        assert figures.inline(choice.told()) not in question
        assert figures.inline(choice.told()) in answer
    assert figures.prose(asked.explanation) in answer
    assert data["text/plain"] == asked.prompt


def test_the_page_gets_safe_html():
    page = quiz._for_page(
        quiz._question(
            {
                "key": "00-x",
                "kind": "bet",
                "prompt": "<b>`1 < 2`",
                "answer": 0,
                "explanation": "because",
                "choices": [{"text": "<i>", "feedback": "yes"}, {"text": "no", "feedback": "no"}],
            }
        )
    )
    assert page["prompt"] == "<p>&lt;b&gt;<code>1 &lt; 2</code></p>"
    assert page["choices"][0]["text"] == page["actual"] == "&lt;i&gt;"


@pytest.mark.parametrize("change", [{"answer": 2}, {"kind": "poll"}, {"choices": []}])
def test_a_question_that_does_not_fit_together_is_refused(change):
    choices = [{"text": "a", "feedback": "f"}, {"text": "b", "feedback": "f"}]
    entry = {"key": "00-x", "kind": "bet", "prompt": "?", "answer": 0, "explanation": "", "choices": choices}
    with pytest.raises(ValueError, match="00-x"):
        quiz._question({**entry, **change})


def test_an_unknown_bet_names_the_known_ones():
    with pytest.raises(KeyError, match="00-thousand"):
        quiz.bet("00-million")
