"""Softmax of numbers that come in parts: from a stream, a file, several machines, or tiles of a large product.

What must be remembered of the logits seen so far is small: the largest one, and the sum of the other exponentials.
Two such memories merge into one, in any order; so every part may be read alone, wherever it lies. Sums are
measured in powers of two: moving one from scale to scale then rounds nothing.

    online.logsumexp(online.File("logits.npy"))         a file that memory can't hold
    online.merge(online.seen(left), online.seen(right))  two parts, wherever they were read
    online.on_dask.logsumexp(logits)                    the same on a cluster

room       holds
state      what is remembered, how a chunk is read, how two memories merge
chunks     an array or a file, a piece at a time
streams    logsumexp and softmax of what comes in chunks
shards     cross-entropy and its gradient over classes that lie in several places
tiles      attention that never holds a whole row of scores
on_dask    the same reductions for dask.array, on this machine or on a cluster
"""

from course_utils.online.chunks import File, pieces
from course_utils.online.shards import cross_entropy, cross_entropy_with_grad
from course_utils.online.state import EMPTY, State, merge, seen, update
from course_utils.online.streams import logsumexp, softmax
from course_utils.online.tiles import attention

__all__ = [
    "EMPTY",
    "File",
    "State",
    "attention",
    "cross_entropy",
    "cross_entropy_with_grad",
    "logsumexp",
    "merge",
    "pieces",
    "seen",
    "softmax",
    "update",
]
