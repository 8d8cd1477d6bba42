"""The same reductions on Dask: chunk by chunk, wherever the chunks lie.

    with on_dask.cluster() as client:                           two workers on this machine
    with on_dask.cluster("tcp://10.0.0.7:8786") as client:      a scheduler that runs elsewhere

Nothing else changes from one to the other. Remote workers need this package, and Dask in the same version.
"""

import sys
from contextlib import contextmanager
from functools import reduce

import numpy as np

from course_utils.online import shards
from course_utils.online.state import State, merge, seen
from course_utils.online.streams import probabilities, result_dtype, rounded

INSTALL = 'pip install "dask[array]==2026.8.0" "distributed==2026.8.0"'
_STATE = np.dtype([(name, np.float64) for name in State._fields])
_PARTS = np.dtype([("own", np.float64), *_STATE.descr])


def missing() -> str:
    """Why there is no Dask, with the line that installs it where that helps; "" where there is."""
    if sys.platform == "emscripten":
        return "Python in a browser is one process and can start no cluster; what is drawn below was recorded on one."
    try:
        import dask.array  # noqa: F401
        import distributed  # noqa: F401
    except ImportError as error:
        return f"Dask is not installed ({error}). {INSTALL}"
    return ""


@contextmanager
def cluster(address=None, workers=2):
    """A client of the scheduler at `address`, or of a cluster on this machine that ends with the block."""
    from distributed import Client, LocalCluster

    if address is not None:
        with Client(address) as client:
            yield client
        return
    options = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with LocalCluster(n_workers=workers, **options) as local, Client(local) as client:
        yield client


def logsumexp(logits, axis=-1):
    """`online.logsumexp` of a dask array, lazily: the same number in any partition, to 1 ulp.

    Shape, special values, error: as `online.logsumexp`.
    """
    dtype = result_dtype(logits)
    return _states(logits, axis).map_blocks(
        lambda block: np.asarray(rounded(_state(block).logsumexp(), dtype)), dtype=dtype
    )


def softmax(logits, axis=-1):
    """`online.softmax` of a dask array, lazily, with its chunks: every chunk is read twice."""
    return logits.map_blocks(
        _p_of_block, _states(logits, axis, keepdims=True), axis, dtype=result_dtype(logits)
    )


def cross_entropy_with_grad(logits, targets):
    """(loss, gradient), lazily: `online.cross_entropy_with_grad` of a dask array (rows, classes) in any chunks.

    What travels between workers is the state of a row, five numbers; no logits, no probabilities.
    Raises: as `online.cross_entropy`.
    """
    import dask.array as da

    targets = shards.as_targets(targets)
    shards.check_targets(targets, logits.shape[1])
    targets = da.from_array(targets, chunks=(logits.chunks[0],))
    classes = da.arange(logits.shape[1], chunks=(logits.chunks[1],))  # tells a block which classes it holds
    parts = da.blockwise(
        _parts_of_block, "ij", logits, "ij", targets, "i", classes, "j", adjust_chunks={"j": 1}, dtype=_PARTS
    )
    parts = da.reduction(parts, _join_block, _join_block, axis=1, dtype=_PARTS, meta=np.empty(0, _PARTS))
    dtype, scale = result_dtype(logits), 1 / max(1, len(logits))
    gradient = da.blockwise(
        _gradient_of_block,
        "ij",
        logits,
        "ij",
        targets,
        "i",
        classes,
        "j",
        parts,
        "i",
        scale=scale,
        dtype=dtype,
    )
    losses = parts.map_blocks(lambda block: _parts(block).losses(), dtype=np.float64)
    loss = losses.rechunk(-1).map_blocks(
        lambda block: shards.mean(block).astype(dtype)[None], chunks=(1,), dtype=dtype
    )
    return loss[0], gradient


def _states(logits, axis, keepdims=False):
    import dask.array as da

    return da.reduction(
        logits,
        _seen_block,
        _merge_block,
        axis=axis,
        keepdims=keepdims,
        dtype=_STATE,
        meta=np.empty(0, _STATE),
    )


def _seen_block(block, axis, keepdims):
    state = seen(block, axis)
    return _packed(_STATE, state if not keepdims else [np.expand_dims(part, axis) for part in state])


def _merge_block(block, axis, keepdims):
    """The states of several blocks, side by side along `axis`, as one."""
    return _folded(block, axis, keepdims, lambda a, b: _packed(_STATE, merge(_state(a), _state(b))))


def _join_block(block, axis, keepdims):
    return _folded(block, axis, keepdims, lambda a, b: _packed_parts(shards.join(_parts(a), _parts(b))))


def _folded(block, axis, keepdims, both):
    for one in sorted(axis, reverse=True):
        entries = np.moveaxis(block, one, 0)
        block = reduce(both, entries)
        block = np.expand_dims(block, one) if keepdims else block
    return block


def _p_of_block(block, states, axis):
    state = State(*(np.squeeze(part, axis) for part in _state(states)))
    return probabilities(block, state, axis)


def _parts_of_block(block, targets, classes):
    return _packed_parts(shards.parts_of(block, targets, classes[0] if len(classes) else 0))[:, None]


def _gradient_of_block(block, targets, classes, parts, scale):
    return shards.gradient_of(block, targets, _parts(parts), classes[0] if len(classes) else 0, scale)


def _packed(dtype, parts):
    """Several arrays of one shape as one array, which Dask can cut and join."""
    parts = [np.asarray(part) for part in parts]
    packed = np.empty(np.broadcast_shapes(*(part.shape for part in parts)), dtype)
    for name, part in zip(dtype.names, parts, strict=True):
        packed[name] = part
    return packed


def _packed_parts(parts: shards.Parts):
    return _packed(_PARTS, (parts.own, *parts.others))


def _state(packed) -> State:
    return State(*(packed[name] for name in State._fields))


def _parts(packed) -> shards.Parts:
    return shards.Parts(packed["own"], _state(packed))
