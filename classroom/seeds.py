"""The private seed from which the graded inputs are drawn: one file that a teacher keeps outside git.

Without the file nobody can say what is graded; with it, every grade can be computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

import numpy as np

VARIABLE = "COURSE_SEED_FILE"


def seed_file() -> Path:
    """Where the seed is: COURSE_SEED_FILE, or a file in the teacher's own settings."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path.home() / ".config" / "softmax-course" / "seed"


def private_seed(path=None) -> str:
    """The seed of this class, made on first use and readable by its owner alone."""
    path = Path(path) if path else seed_file()
    if not path.exists():
        _make(path)
    seed = path.read_text("utf-8").strip()
    if not seed:
        raise ValueError(
            f"{path} holds no seed: delete it, and a new one is made; or write a secret line into it."
        )
    return seed


def _make(path):
    """Write a new seed whole, unless another process has been quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=path.parent)  # for its owner alone
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    with contextlib.suppress(FileExistsError):
        os.link(part, path)
    os.unlink(part)


def seed_of(seed, student="") -> str:
    """The seed of one student, or of the whole class where no name is given. Neither tells the other."""
    return (
        hashlib.sha256(f"{seed}\0{student}".encode("utf-8", "surrogateescape")).hexdigest()
        if student
        else seed
    )


def generator(seed, *what) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for, and on nothing else."""
    digest = hashlib.sha256("\0".join([seed, *what]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def fingerprint(seed) -> str:
    """Enough to see that a seed has changed, and not enough to know it."""
    return hashlib.sha256(b"fingerprint of " + seed.encode()).hexdigest()[:16]
