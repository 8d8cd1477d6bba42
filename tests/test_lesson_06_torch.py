"""Lesson 06 stores the gradient that PyTorch returned: is it what an installed PyTorch returns, and is it right?"""

import ast
from pathlib import Path

import numpy as np
import pytest

from course_utils import reference

LESSON = next((Path(__file__).parents[1] / "lessons").glob("06_*.py"))
NAMES = ("logits", "targets", "pytorch")


def stored():
    """The batch and the gradient as the lesson writes them down, in the cell that imports torch."""
    cell = next(text for text in LESSON.read_text("utf-8").split("# %%") if "import torch" in text)
    scope = {"np": np}
    code = cell[cell.index("\n") :]
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in NAMES:
            exec(compile(ast.Module([node], []), LESSON.name, "exec"), scope)
    return [scope[name] for name in NAMES]


def test_the_stored_gradient_is_the_truth_in_float32():
    logits, targets, gradient = stored()
    truth = reference.cross_entropy_with_grad(logits, targets)[1]
    assert gradient.dtype == logits.dtype == np.float32
    np.testing.assert_allclose(gradient, truth, rtol=1e-6, atol=0)


def test_the_stored_gradient_is_the_one_of_the_installed_pytorch():
    torch = pytest.importorskip(
        "torch", reason="the stored values are compared with PyTorch where it is installed"
    )
    logits, targets, gradient = stored()
    z = torch.tensor(logits, requires_grad=True)
    torch.nn.functional.cross_entropy(z, torch.tensor(targets)).backward()
    # Another version or CPU may round its exp otherwise, in the last digits of a float32.
    np.testing.assert_allclose(gradient, z.grad.numpy(), rtol=1e-6, atol=0)
