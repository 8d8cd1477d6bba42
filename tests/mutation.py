"""Small corruptions of a function's source, one at a time: does the judge notice?"""

import ast
import copy
import inspect
import textwrap
from unittest import mock

import numpy as np

from course_utils import floats, guard
from course_utils.exercises import judge
from course_utils.exercises.faults import Case, fault_of
from course_utils.exercises.result import INCORRECT, CheckResult

_BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
_COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq}
_COMPARE |= {ast.NotEq: ast.Eq}
_OTHER_NAME = {
    "max": "min",
    "min": "max",
    "amax": "amin",
    "maximum": "minimum",
    "sum": "mean",
    "mean": "sum",
    "exp": "expm1",
    "expm1": "exp",
    "log": "log1p",
    "log1p": "log",
    "argmax": "argmin",
    "logsumexp": "softmax",
    "log_softmax": "softmax",
    "softmax": "log_softmax",
    "isfinite": "isnan",
    "isinf": "isnan",
}


def swap_operator(node):
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        yield ast.BinOp(node.left, _BINARY[type(node.op)](), node.right)


def swap_operands(node):
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.Pow):
        yield ast.BinOp(node.right, node.op, node.left)


def drop_operand(node):
    if isinstance(node, ast.BinOp):
        yield node.left
        yield node.right


def swap_augmented(node):
    if isinstance(node, ast.AugAssign) and type(node.op) in _BINARY:
        yield ast.AugAssign(node.target, _BINARY[type(node.op)](), node.value)


def drop_sign(node):
    if isinstance(node, ast.UnaryOp):
        yield node.operand


def add_sign(node):
    if isinstance(node, ast.Return) and node.value is not None:
        yield ast.Return(ast.UnaryOp(ast.USub(), node.value))


def change_number(node):
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from (ast.Constant(value) for value in {node.value + 1, 0, node.value - 1} - {node.value})


def flip_flag(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)


def drop_keyword(node):
    if isinstance(node, ast.Call):
        for gone in range(len(node.keywords)):
            yield ast.Call(node.func, node.args, node.keywords[:gone] + node.keywords[gone + 1 :])


def other_function(node):
    if isinstance(node, ast.Attribute) and node.attr in _OTHER_NAME:
        yield ast.Attribute(node.value, _OTHER_NAME[node.attr], node.ctx)


def skip_call(node):
    if isinstance(node, ast.Call) and node.args:
        yield node.args[0]


def swap_comparison(node):
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
        yield ast.Compare(node.left, [_COMPARE[type(node.ops[0])](), *node.ops[1:]], node.comparators)


def delete_statement(node):
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) and not _is_docstring(node):
        yield ast.Pass()


def return_a_variable(node, names=()):
    if isinstance(node, ast.Return):
        yield from (ast.Return(ast.Name(name, ast.Load())) for name in names)


def other_variable(node, names=()):
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(name, ast.Load()) for name in names if name != node.id)


OPERATORS = (
    swap_operator,
    swap_operands,
    drop_operand,
    swap_augmented,
    drop_sign,
    add_sign,
    change_number,
    flip_flag,
    drop_keyword,
    other_function,
    skip_call,
    swap_comparison,
    delete_statement,
    return_a_variable,
    other_variable,
)


def mutants(function):
    """(description, mutated function) for every place and operator, without twins."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list = []
    for description, mutated in _mutated(tree):
        yield description, _compiled(mutated, function)


def _mutated(tree):
    names = _variables(tree)
    original, seen = ast.dump(tree), set()
    for place, node in enumerate(ast.walk(tree)):
        for operator in OPERATORS:
            needs_names = operator in (return_a_variable, other_variable)
            for new in operator(node, names) if needs_names else operator(node):
                mutated = _with_replaced(tree, place, new)
                key = ast.dump(mutated)
                if key == original or key in seen:
                    continue
                seen.add(key)
                yield f"{operator.__name__}: {ast.unparse(new)}", mutated


def _variables(tree):
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return sorted(stored | {arg.arg for arg in tree.body[0].args.args})


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _with_replaced(tree, place, new):
    tree = copy.deepcopy(tree)
    old = list(ast.walk(tree))[place]
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, copy.deepcopy(new))
            elif isinstance(value, list) and any(item is old for item in value):
                setattr(parent, field, [copy.deepcopy(new) if item is old else item for item in value])
    return ast.fix_missing_locations(tree)


def _compiled(tree, function):
    scope = dict(function.__globals__)
    exec(compile(tree, f"<mutant of {function.__name__}>", "exec"), scope)
    return scope[tree.body[0].name]


def without_reasons():
    """Refuse without naming the mistake or shrinking the input: for tests that ask only whether."""
    return mock.patch.object(
        judge, "_refused", lambda exercise, *found: CheckResult(exercise.key, INCORRECT, "It fails.")
    )


def score(exercise):
    """(refused, missed descriptions, equivalent) over all mutants of the exercise's solution."""
    inputs = [one for one in probes(exercise) if is_right(exercise, exercise.model_answer, [one])]
    refused, missed, equivalent = 0, [], 0
    with mock.patch.object(guard, "SECONDS", 0.5), without_reasons():
        for description, mutant in mutants(exercise.model_answer):
            if judge.judge_function(exercise, mutant).outcome != "correct":
                refused += 1
            elif is_right(exercise, mutant, inputs):
                equivalent += 1
            else:
                missed.append(description)
    return refused, missed, equivalent


def probes(exercise):
    """Many more inputs than the exercise has cases: what tells an equivalent mutant from a missed one."""
    random = np.random.default_rng(0)
    for one in exercise.cases:
        first = np.asarray(one.args[0])
        if first.dtype != one.format.dtype:
            yield one
            continue
        near = [first * 0.5, first * 0.1, first[..., ::-1], first + 1, first - 3]
        drawn = [random.normal(0, size, first.shape) for size in (0.1, 1, 10, 100, 300)]
        for value in (first, *near, *drawn):
            yield Case(one.label, (floats.store(value, one.format), *one.args[1:]), one.ulps)


def is_right(exercise, function, inputs):
    return all(fault_of(exercise, one, guard.call(function, one.args, 0.5)) is None for one in inputs)
