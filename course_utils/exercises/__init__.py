"""Is your function right, and if not, which step went wrong?

One module a lesson: `from course_utils.exercises import lesson_03`, then
`lesson_03.max_shift.check(my_softmax)`.
The engine is `core`; how a lesson's module is written stands in its docstring.
"""
