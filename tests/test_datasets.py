"""The shipped digits are the published ones, unchanged."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from course_utils import datasets

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "course_utils" / "data" / "digits.npz"


def test_the_split_is_80_to_20_and_loses_nobody():
    data = datasets.digits()
    assert data.train_x.shape == (1437, 64)
    assert data.test_x.shape == (360, 64)
    assert data.train_x.dtype == np.float32
    counts = np.bincount(np.concatenate([data.train_y, data.test_y]))
    assert list(counts) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_pixels_go_from_0_to_16_and_scale_is_applied():
    assert datasets.digits().train_x.max() == 16
    assert datasets.digits(scale=1 / 16).train_x.max() == 1
    assert datasets.digits().train_x.min() == 0


def test_the_seed_decides_the_order():
    assert np.array_equal(datasets.digits(1).train_y, datasets.digits(1).train_y)
    assert not np.array_equal(datasets.digits(1).train_y, datasets.digits(2).train_y)


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf])
def test_a_scale_that_destroys_the_data_is_refused_by_name(scale):
    with pytest.raises(ValueError, match="scale"):
        datasets.digits(scale=scale)


def test_the_file_is_small_and_says_where_it_comes_from():
    assert FILE.stat().st_size < 80_000
    story = FILE.with_suffix(".txt").read_text("utf-8")
    assert "10.24432/C50P49" in story
    assert "CC BY 4.0" in story


def test_the_script_makes_the_same_arrays_again(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is needed only to make the file again")
    spec = importlib.util.spec_from_file_location("make_digits", ROOT / "tools" / "make_digits.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.DATA = tmp_path
    script.main()
    with np.load(tmp_path / "digits.npz") as new, np.load(FILE) as old:
        assert np.array_equal(new["images"], old["images"])
        assert np.array_equal(new["labels"], old["labels"])
