"""Make course_utils/data/digits.npz from scikit-learn's copy of the UCI optical digits.

    python -m pip install scikit-learn
    python tools/make_digits.py

The same scikit-learn data give the same bytes on every run.
"""

import io
import zipfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[1] / "course_utils" / "data"


def main():
    from sklearn.datasets import load_digits

    digits = load_digits()
    arrays = {"images": digits.data.astype(np.uint8), "labels": digits.target.astype(np.uint8)}
    assert np.array_equal(arrays["images"], digits.data), "pixels are whole numbers from 0 to 16"
    DATA.mkdir(exist_ok=True)
    write(DATA / "digits.npz", arrays)


def write(path, arrays):
    """np.savez_compressed, without the time of day that it stores with each array."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            file = io.BytesIO()
            np.save(file, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), file.getvalue(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
