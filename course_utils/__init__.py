"""The rooms of the course: each module answers one question.

room          answers
floats        What can a number format hold, and where does it end?
naive         What does the formula give when you type it as it stands?
shifted       What does subtracting the maximum repair?
stable        Which code is right on every input?
accumulators  What does a running sum keep in a narrow format?
integers      What does a softmax give when there are no floats?
online        How do you normalise what you never see whole: a stream, a file, shards?
storage       What is left of probabilities in 8 bits, or in 4?
reference     What is the truth? (mpmath, as many digits as it takes)
mistakes      Which wrong answers do people write, and on which input do they show?
family        What else is a softmax in disguise: which form of it survives?
sampling      How is a class drawn from logits, so that none is lost and none is drawn that is masked?
accuracy      How far from the truth is this result: in ulps, or in kind?
pipeline      What was every number in between, in the real format?
datasets      Which real data do the lessons train on?
plots         How is this number drawn, NaN and inf included?
figures       How does a figure reach everybody: alt text, caption, data table?
audit         Does this function, from any library, survive every edge case?
museum        Which bugs have public libraries shipped, and which question finds each?
elsewhere     Which call is this in SciPy, PyTorch, Keras and JAX, and what does it give?
mixed         What does a training in 16 bits lose, and which remedy helps?
training      What happens to a model that trains with this loss?
costs         What does this code ask of memory, and how long does it take?
guard         What does a function do that nobody has vouched for, and what does it leave behind?
shrink        Which is the smallest input that still fails?
progress      What have you done so far?
explorers     What happens when you move the slider?
exercises     Is your function right, and if not, which step went wrong?
quiz          What do you bet, and what do you remember?

Import rooms, not names: ``from course_utils import naive, reference`` and then ``naive.softmax(logits)``.
A room imports only from lower floors; ``tests/test_layers.py`` holds the floors. This file imports nothing.
"""
