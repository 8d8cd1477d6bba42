"""The reductions on Dask: any partition, any engine, a worker that dies; all of it is one machine's number."""

import os
import signal
import sys
import time
import warnings

import numpy as np
import pytest

from course_utils import online, reference, stable
from course_utils.online import on_dask

da = pytest.importorskip("dask.array", reason="Dask is not installed: requirements/benchmarks.txt")
distributed = pytest.importorskip("distributed", reason="Dask's scheduler is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # what Dask's own libraries have to say

RNG = np.random.default_rng(7)
ROWS = RNG.normal(0, 20, (12, 300))
PARTITIONS = [(12, 300), (5, 77), (1, 300), (12, 1), (3, (100, 0, 150, 50))]


def apart(a, b):
    return np.max(np.abs(np.asarray(a) - b) / np.spacing(np.maximum(np.abs(b), np.abs(ROWS).max())))


@pytest.mark.parametrize("chunks", PARTITIONS, ids=str)
def test_any_partition_gives_one_machines_number_to_one_ulp(chunks):
    logits = da.from_array(ROWS, chunks=chunks)
    for axis in (-1, 0, None, (0, 1)):
        with np.errstate(all="ignore"):
            whole = online.seen(ROWS, axis).logsumexp()
        assert apart(on_dask.logsumexp(logits, axis).compute(scheduler="threads"), whole) <= 1
    p = on_dask.softmax(logits)
    assert p.chunks == logits.chunks
    np.testing.assert_allclose(p.compute(scheduler="threads"), stable.softmax(ROWS), rtol=2e-15)
    by_column = on_dask.softmax(logits, axis=0).compute(scheduler="threads")
    np.testing.assert_allclose(by_column, stable.softmax(ROWS, axis=0), rtol=2e-15)


@pytest.mark.parametrize("chunks", PARTITIONS[:4], ids=str)
def test_loss_and_gradient_over_blocks_of_rows_and_classes(chunks):
    targets = RNG.integers(0, 300, 12)
    loss, gradient = on_dask.cross_entropy_with_grad(da.from_array(ROWS, chunks=chunks), targets)
    truth, slope = reference.cross_entropy_with_grad(ROWS, targets)
    assert gradient.chunks == da.from_array(ROWS, chunks=chunks).chunks
    assert loss.compute(scheduler="threads") == pytest.approx(float(truth), rel=4e-16)
    np.testing.assert_allclose(gradient.compute(scheduler="threads"), slope, rtol=3e-15)


def test_every_edge_survives_the_journey():
    rows = np.array(
        [[-np.inf] * 4, [-np.inf, -np.inf, 1, 2], [1, np.nan, 2, 3], [1, np.inf, 2, 3], [1e308] * 4]
    )
    with np.errstate(all="ignore"):
        truth, p = stable.logsumexp(rows), stable.softmax(rows)
        for columns in (1, 2, 4):
            logits = da.from_array(rows, chunks=(2, columns))
            np.testing.assert_allclose(on_dask.logsumexp(logits).compute(scheduler="sync"), truth, rtol=4e-16)
            np.testing.assert_allclose(on_dask.softmax(logits).compute(scheduler="sync"), p, rtol=1e-15)


def test_formats_are_kept():
    logits = da.from_array(ROWS.astype(np.float32), chunks=(5, 77))
    assert (
        on_dask.logsumexp(logits).dtype
        == on_dask.logsumexp(logits).compute(scheduler="sync").dtype
        == np.float32
    )
    assert on_dask.softmax(logits).compute(scheduler="sync").dtype == np.float32


def test_a_target_that_is_no_class_is_refused_before_anything_is_sent():
    with pytest.raises(IndexError, match=r"targets\[0\] = 300"):
        on_dask.cross_entropy_with_grad(da.from_array(ROWS, chunks=100), np.full(12, 300))


def slowly(block):
    time.sleep(0.15)
    return block


@pytest.fixture(scope="module")
def two_workers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with on_dask.cluster(workers=2) as client:
            yield client


def test_a_cluster_and_a_scheduler_at_an_address_give_the_same_bits(two_workers):
    logits = da.from_array(ROWS, chunks=(5, 77))
    here = on_dask.logsumexp(logits).compute(scheduler="sync")
    np.testing.assert_array_equal(on_dask.logsumexp(logits).compute(), here)
    with on_dask.cluster(two_workers.scheduler.address) as elsewhere:
        assert elsewhere.scheduler.address.startswith("tcp://")
        np.testing.assert_array_equal(elsewhere.compute(on_dask.logsumexp(logits)).result(), here)
    assert (
        len(two_workers.scheduler_info()["workers"]) == 2
    )  # leaving a scheduler that is not ours ends nothing


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process as Unix does")
def test_a_worker_killed_in_the_middle_changes_nothing(two_workers):
    targets = RNG.integers(0, 300, 12)
    logits = da.from_array(ROWS, chunks=(6, 30)).map_blocks(slowly, dtype=np.float64)
    results = [on_dask.logsumexp(logits), *on_dask.cross_entropy_with_grad(logits, targets)]
    expected = [part.compute(scheduler="threads") for part in results]
    workers = two_workers.run(os.getpid)
    begun = time.monotonic()
    futures = two_workers.compute(results)
    time.sleep(0.5)
    assert not all(future.done() for future in futures)
    os.kill(next(iter(workers.values())), signal.SIGKILL)
    found = two_workers.gather(futures)
    assert time.monotonic() - begun > 0.5
    for one, truth in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, truth)
    assert set(two_workers.run(os.getpid).values()) != set(workers.values())  # it is another process now


def test_without_dask_a_reason_is_given_with_the_line_that_installs_it(monkeypatch):
    assert on_dask.missing() == ""
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install" in on_dask.missing()
