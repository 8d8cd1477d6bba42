"""Streams, shards and tiles: any order, any partition, every edge, and what it costs in memory."""

import itertools
import math
import subprocess
import sys
import warnings
from functools import reduce

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import accuracy, costs, floats, online, reference, shifted, stable
from course_utils.online import shards

INF, NAN = np.inf, np.nan
lawful = settings(deadline=None, max_examples=100, derandomize=True)
EDGES = {
    "nothing": [],
    "nothing but -inf": [-INF, -INF, -INF],
    "-inf first": [-INF, -INF, 1, 2],
    "+inf": [1, INF, 2],
    "+inf twice": [INF, 1, INF],
    "NaN": [1, 2, NAN],
    "NaN beside +inf": [INF, NAN],
    "the largest doubles": [1e308, 1e308, -1e308],
    "beyond what a power of two could count": [1.3e308, 1.7e308],
    "a tiny rest": [0, -40, -41],
    "a rest below the format": [0, -800],
    "far below": [-1000, -1001],
    "one": [3.5],
    "ties": [7, 7, 7, 7],
}


@pytest.fixture(autouse=True)
def no_floating_point_event_escapes():
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


def ulps_apart(a, b, logits):
    """How far two log-sum-exps are apart, in units in the last place of the largest number involved."""
    with np.errstate(all="ignore"):
        if a == b or (np.isnan(a) and np.isnan(b)):
            return 0.0
        size = max(abs(float(a)), float(np.abs(logits.astype(np.float64)).max()))
    return abs(float(a) - float(b)) / float(floats.spacing(size, logits.dtype))


def cut(logits, places):
    return np.split(logits, sorted({place % (len(logits) + 1) for place in places}))


# --- the state ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("logits", EDGES.values(), ids=EDGES)
def test_every_edge_is_that_of_stable_whole_and_one_by_one(logits):
    logits = np.array(logits, np.float64)
    one_by_one = [logits[i : i + 1] for i in range(len(logits))]
    truth = stable.logsumexp(logits)
    for chunks in (logits, one_by_one, one_by_one[::-1]):
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(online.logsumexp(chunks), truth, rtol=4e-16, atol=0)
    if len(logits):
        with np.errstate(all="ignore"):
            p = np.concatenate(list(online.softmax(one_by_one)))
            np.testing.assert_allclose(p, stable.softmax(logits), rtol=1e-15, atol=0)


def test_nothing_seen_is_neutral_on_either_side():
    state = online.seen(np.array([[1.0, 5, 2], [-INF, -INF, -INF], [NAN, 0, 0]]))
    for merged in (online.merge(online.EMPTY, state), online.merge(state, online.EMPTY)):
        np.testing.assert_array_equal(merged.logsumexp(), state.logsumexp())
    assert online.merge(online.EMPTY, online.EMPTY).logsumexp() == -INF


def test_the_invariant_of_milakov_and_gimelshein_holds_after_every_number():
    """The largest so far, and the exact sum of the exponentials of the others."""
    rng = np.random.default_rng(4)
    for logits in (
        rng.normal(0, 3, 40),
        np.sort(rng.normal(0, 30, 40)),
        np.zeros(40),
        rng.normal(-900, 1, 40),
    ):
        state = online.EMPTY
        for count, z in enumerate(logits, start=1):
            state = online.update(state, np.array([z]))
            assert state.largest == logits[:count].max()
            rest = np.sort(logits[:count])[:-1]
            truth = (
                reference.exp(reference.logsumexp(rest, dtype=object) - state.largest)[()]
                if count > 1
                else 0.0
            )
            assert state.over(state.largest) - 1 == pytest.approx(float(truth), rel=1e-14, abs=2e-16)
            assert float(state.exponent) == round(float(state.exponent))


def test_four_parts_merge_alike_in_every_order_and_every_tree():
    parts = [
        online.seen(part) for part in np.split(np.random.default_rng(1).normal(0, 20, 400), [17, 100, 101])
    ]
    results = {float(reduce(online.merge, order).logsumexp()) for order in itertools.permutations(parts)}
    a, b, c, d = parts
    results.add(float(online.merge(online.merge(a, b), online.merge(c, d)).logsumexp()))
    results.add(float(online.merge(a, online.merge(b, online.merge(c, d))).logsumexp()))
    assert max(results) - min(results) <= np.spacing(max(results))


@lawful
@given(
    st.lists(
        st.floats(-800, 800) | st.floats(-3, 3) | st.sampled_from([0.0, 1e6, -1e6, -INF]),
        min_size=1,
        max_size=25,
    ),
    st.lists(st.integers(0, 25), max_size=6),
    st.sampled_from(["float64", "float32"]),
    st.randoms(use_true_random=False),
)
def test_any_partition_in_any_order_is_the_whole_to_one_ulp(values, places, kind, random):
    logits = np.array(values, kind)
    chunks = cut(logits, places)
    whole = online.logsumexp(logits)
    random.shuffle(chunks)
    assert ulps_apart(online.logsumexp(chunks), whole, logits) <= 1
    truth = reference.logsumexp(logits, dtype=object)
    finite = np.isfinite(float(truth))
    size = max(
        abs(float(truth)), float(np.abs(logits[np.isfinite(logits)].astype(np.float64)).max(initial=0))
    )
    assert not finite or abs(float(truth - float(whole))) <= 4 * float(floats.spacing(size, logits.dtype))


def test_1000_equal_parts_lose_nothing_where_a_plain_sum_drifts():
    """Every addition rounds alike here; what it loses is kept."""
    for value in (0.3, 1.1, -7.7):
        parts = [online.seen(np.array([value]))] * 1000
        total = reduce(online.merge, parts).logsumexp()
        assert abs(total - (value + math.log(1000))) <= np.spacing(8.0)


def test_rescaling_by_powers_of_two_loses_nothing_and_by_e_loses_60000_roundoffs():
    """lowprec G2: float32, 200,000 logits in equal steps from 0 to 1: e**d 61,814 u, 2**k 48 u, and here none."""
    logits, u = np.linspace(0, 1, 200_000, dtype=np.float32), 2.0**-24
    truth = math.fsum(np.exp(logits.astype(np.float64)))
    largest, total = np.float32(-INF), np.float32(0)
    power, scaled = -1000, np.float32(0)
    with np.errstate(all="ignore"):
        for z in logits:
            total = total * np.exp(largest - z) + np.float32(1)
            largest = z
            n = round(float(z) / math.log(2))
            if n > power:
                power, scaled = n, np.ldexp(scaled, max(power - n, -2000))
            scaled = scaled + np.float32(math.ldexp(math.exp(float(z) - n * math.log(2)), n - power))
    assert abs(float(total) * math.exp(largest) / truth - 1) / u == pytest.approx(61_814, rel=0.02)
    assert abs(float(scaled) * 2.0**power / truth - 1) / u == pytest.approx(48, abs=25)
    parts = online.pieces(logits.astype(np.float64), 100)
    assert abs(math.exp(online.logsumexp(parts) - math.log(truth)) - 1) < 1e-15


def test_the_same_probabilities_wherever_the_chunks_end_even_far_from_0():
    """exp(z - lse) would lose a digit for each digit of the offset."""
    for offset in (0.0, 1e4, -1e6, 1e12):
        logits = np.random.default_rng(2).normal(0, 5, 64).round(3) + offset
        truth = reference.softmax(logits, dtype=object)
        for size in (1, 7, 64):
            p = np.concatenate(list(online.softmax(list(online.pieces(logits, size)))))
            assert accuracy.worst_ulps(p, truth) <= 8


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None])
def test_every_axis(axis):
    logits = np.random.default_rng(0).normal(0, 9, (3, 4, 5))
    np.testing.assert_allclose(
        online.seen(logits, axis).logsumexp(), stable.logsumexp(logits, axis), rtol=1e-15
    )
    if isinstance(axis, int):
        along = np.concatenate(list(online.softmax(list(online.pieces(logits, 20, axis)), axis)), axis)
        np.testing.assert_allclose(along, stable.softmax(logits, axis), rtol=2e-15)


@pytest.mark.parametrize("name", floats.FORMATS)
def test_every_format_is_read_wide_and_rounded_once(name):
    logits = floats.store(np.random.default_rng(0).normal(0, 2, 3000), name)
    with np.errstate(all="ignore"):
        whole, truth = online.logsumexp(logits), stable.logsumexp(logits)
        assert whole.dtype == truth.dtype
        assert abs(float(whole) - float(truth)) <= float(floats.spacing(float(truth), name))
        assert next(iter(online.softmax(logits))).dtype == logits.dtype


def test_what_holds_nothing_has_the_shape_of_its_rows():
    assert online.logsumexp(np.zeros((3, 0))).tolist() == [-INF] * 3
    assert online.logsumexp(np.zeros((0, 3))).shape == (0,)
    assert online.logsumexp(np.zeros((0, 3)), axis=0).tolist() == [-INF] * 3
    assert [p.shape for p in online.softmax(np.zeros((3, 0)))] == [(3, 0)]
    assert online.logsumexp([]) == -INF
    assert online.logsumexp(np.float32(2.5)) == 2.5


def test_integers_become_float64_and_other_things_are_refused():
    assert online.logsumexp(np.array([200, 0], np.uint8)) == 200
    assert online.logsumexp([1.0, 2.0]) == stable.logsumexp([1.0, 2.0])
    for wrong in (np.array([True]), np.array([1j]), np.array(["a"]), np.ma.masked_array([1.0, 2.0])):
        with pytest.raises(TypeError, match="logits must be"):
            online.seen(wrong)
    with pytest.raises(np.exceptions.AxisError):
        online.seen(np.zeros(3), axis=1)
    with pytest.raises(TypeError, match="twice"):
        online.softmax(iter([np.zeros(3)]))


def test_a_big_endian_or_strided_chunk_is_a_chunk():
    logits = np.random.default_rng(0).normal(size=100)
    assert online.logsumexp(logits.astype(">f8")) == online.logsumexp(logits)
    assert online.logsumexp(logits.astype(">f8")).dtype == np.float64
    assert online.logsumexp(np.stack([logits, logits], 1)[:, 0]) == online.logsumexp(logits)


def test_the_input_is_never_written():
    logits = np.random.default_rng(0).normal(size=(4, 9))
    logits.setflags(write=False)
    online.logsumexp(logits)
    list(online.softmax([logits]))
    online.cross_entropy_with_grad([logits[:, :5], logits[:, 5:]], np.array([0, 4, 5, 8]))


# --- files ----------------------------------------------------------------------------------------------


@pytest.fixture
def logits_file(tmp_path):
    logits = np.random.default_rng(5).normal(0, 4, 300_001).astype(np.float32)
    np.save(tmp_path / "logits.npy", logits)
    (tmp_path / "logits.f32").write_bytes(b"12345678" + logits.tobytes())
    return tmp_path, logits


def test_a_file_gives_what_the_array_gives(logits_file):
    folder, logits = logits_file
    bare = online.File(folder / "logits.f32", np.float32, offset=8, size=7777)
    for file in (online.File(folder / "logits.npy"), bare, np.load(folder / "logits.npy", mmap_mode="r")):
        assert online.logsumexp(file) == online.logsumexp(logits) == stable.logsumexp(logits)
    assert [len(piece) for piece in bare][-2:] == [7777, 300_001 % 7777]
    np.testing.assert_array_equal(np.concatenate(list(bare)), logits)
    p = np.concatenate(list(online.softmax(bare)))
    np.testing.assert_allclose(p, stable.softmax(logits), rtol=1e-6)


def test_a_file_that_says_too_little_or_ends_early_is_refused(logits_file):
    folder, _ = logits_file
    with pytest.raises(ValueError, match="name its dtype"):
        online.logsumexp(online.File(folder / "logits.f32"))
    with pytest.raises(ValueError, match="no whole number"):
        online.logsumexp(online.File(folder / "logits.f32", np.float64, offset=3))
    (folder / "empty").write_bytes(b"")
    assert online.logsumexp(online.File(folder / "empty", np.float32)) == -INF


def test_a_file_is_read_in_constant_memory(tmp_path):
    """A process that reads 60 MB stays within 20 MB of where it began; so it does for any length."""
    if not sys.platform.startswith("linux"):
        pytest.skip("asks /proc for the memory of a process")
    from benchmarks.distribution import memory_of_a_run

    path = tmp_path / "logits"
    np.zeros(15_000_000, np.float32).tofile(path)
    assert memory_of_a_run(path) < 20e6


def test_what_was_recorded_of_distribution_is_complete_and_equal():
    """Every size, partition and number of workers gave the number of one process, and so does this machine."""
    from benchmarks import distribution

    record = costs.recorded("distribution")
    rows = {(row["workers"], row["size"], row["partitions"]): row for row in record["dask"]}
    assert set(rows) == set(
        itertools.product(distribution.WORKERS, distribution.SIZES, distribution.PARTITIONS)
    )
    for (_, size, _), row in rows.items():
        alone = record["one process"][str(size)]["logsumexp"]
        assert abs(row["logsumexp"] - alone) <= np.spacing(np.float32(alone))
        assert row["seconds"] > 0
    fresh = online.logsumexp(distribution.numbers(10**5))
    assert abs(float(fresh) - record["one process"]["100000"]["logsumexp"]) <= np.spacing(fresh)
    file = record["file"]
    assert file["numbers"] == 10**8
    assert file["memory"] < 60e6
    assert file["seconds"]["logsumexp"] < 3 * file["seconds"]["np.fromfile"]


def test_a_stream_holds_one_chunk_at_a_time():
    logits = np.zeros(4_000_000, np.float32)
    assert costs.peak_bytes(online.logsumexp, logits) < 5e6


# --- shards ---------------------------------------------------------------------------------------------


def sharded(logits, places):
    return np.split(logits, places, axis=1)


@pytest.mark.parametrize("places", [[], [1], [3, 3, 8], [2, 5, 11], list(range(1, 12))])
@pytest.mark.parametrize("scale", [1, 30, 300])
def test_loss_and_gradient_over_shards_are_those_of_one_machine(places, scale):
    rng = np.random.default_rng(3)
    logits, targets = rng.normal(0, scale, (7, 12)), rng.integers(0, 12, 7)
    loss, gradients = online.cross_entropy_with_grad(sharded(logits, places), targets)
    truth, slope = reference.cross_entropy_with_grad(logits, targets, dtype=object)
    assert accuracy.worst_ulps(loss, truth) <= 2
    assert accuracy.worst_ulps(np.concatenate(gradients, axis=1), slope) <= 8
    assert online.cross_entropy(iter(sharded(logits, places)), targets) == loss


def test_a_confident_row_keeps_its_loss_and_its_gradient():
    """Margins of 20 to 700: where 1 - p is 0, the others are what teaches."""
    for margin in (20.0, 40.0, 700.0):
        logits = np.array([[0.0, -3, margin, -1]])
        for places in ([2], [1, 3], [3]):
            loss, gradients = online.cross_entropy_with_grad(sharded(logits, places), np.array([2]))
            truth, slope = reference.cross_entropy_with_grad(logits, [2], dtype=object)
            assert accuracy.worst_ulps(loss, truth) <= 4
            assert accuracy.worst_ulps(np.concatenate(gradients, axis=1), slope) <= 8


ROWS = {
    "a target at -inf": ([[-INF, 1, 2, 3]], [0]),
    "a class at -inf": ([[0, -INF, 2, 3]], [0]),
    "a shard of nothing but -inf": ([[-INF, -INF, 2, 3]], [3]),
    "a row of nothing but -inf": ([[-INF, -INF, -INF, -INF], [0, 1, 2, 3]], [0, 1]),
    "+inf at the target": ([[INF, 0, 1, 2]], [0]),
    "+inf elsewhere": ([[0, 0, INF, 2]], [0]),
    "NaN elsewhere": ([[0, NAN, 1, 2], [0, 1, 2, 3]], [0, 2]),
    "NaN at the target": ([[NAN, 0, 1, 2]], [0]),
    "wrong and confident": ([[0, 1000, 1, 2]], [0]),
    "huge logits": ([[1e300, 1e300, -1e300, 0]], [1]),
}


@pytest.mark.parametrize(("logits", "targets"), ROWS.values(), ids=ROWS)
def test_every_edge_of_the_loss_is_that_of_stable(logits, targets):
    logits = np.array(logits, np.float64)
    with np.errstate(all="ignore"):
        for row, target in zip(logits, targets, strict=True):
            truth, slope = stable.cross_entropy_with_grad(row[None], [target])
            loss, gradients = online.cross_entropy_with_grad(sharded(row[None], [2]), np.array([target]))
            np.testing.assert_allclose(loss, truth, rtol=1e-15)
            np.testing.assert_allclose(np.concatenate(gradients, axis=1), slope, rtol=2e-15)


def test_one_class_costs_nothing_and_no_row_is_nan():
    assert online.cross_entropy([np.zeros((3, 1))], np.array([0, 0, 0])) == 0
    assert np.isnan(online.cross_entropy([np.zeros((0, 4))], np.zeros(0, int)))


def test_a_target_that_no_shard_holds_is_named():
    pair = sharded(np.zeros((2, 6)), [3])
    for wrong in (6, -1):
        with pytest.raises(IndexError, match=r"targets\[1\]"):
            online.cross_entropy(pair, np.array([0, wrong]))
    with pytest.raises(TypeError, match="integers"):
        online.cross_entropy(pair, np.array([0.0, 1.0]))


def test_shapes_that_do_not_fit_are_named():
    for shards_, targets in (
        ([np.zeros(3)], [0]),
        ([np.zeros((2, 3))], [0]),
        ([np.zeros((2, 3))], [[0], [0]]),
    ):
        with pytest.raises(ValueError, match="a target for each row"):
            online.cross_entropy(shards_, np.array(targets))
    with pytest.raises(ValueError, match="no shard"):
        online.cross_entropy([], np.array([0]))


def test_float32_shards_are_rounded_once_and_keep_their_dtype():
    rng = np.random.default_rng(8)
    logits, targets = rng.normal(0, 4, (9, 300)).astype(np.float32), rng.integers(0, 300, 9)
    loss, gradients = online.cross_entropy_with_grad(sharded(logits, [100, 101]), targets)
    truth = reference.cross_entropy(logits, targets, dtype=object)
    assert loss.dtype == gradients[0].dtype == np.float32
    assert accuracy.worst_ulps(loss, truth) <= 1
    with np.errstate(all="ignore"):
        half, _ = online.cross_entropy_with_grad([logits.astype(ml_dtypes.bfloat16)], targets)
    assert half.dtype == ml_dtypes.bfloat16


def test_the_logits_of_a_large_vocabulary_need_never_be_there_at_once():
    """Wijmans et al. 2024: 8192 tokens x 256,000 classes are 8,000 MiB a copy in float32, and a row is five numbers."""
    assert 8192 * 256_000 * 4 / 2**20 == 8000
    assert len(shards.Parts._fields) - 1 + len(online.State._fields) == 5
    rng = np.random.default_rng(0)
    hidden, weights = (
        rng.normal(size=(128, 16)).astype(np.float32),
        rng.normal(size=(16, 16_000)).astype(np.float32),
    )
    targets = rng.integers(0, 16_000, 128)

    def tile_by_tile():
        return online.cross_entropy(
            (hidden @ weights[:, i : i + 250] for i in range(0, 16_000, 250)), targets
        )

    whole = hidden @ weights
    assert tile_by_tile() == pytest.approx(float(stable.cross_entropy(whole, targets)), rel=1e-6)
    assert costs.peak_bytes(tile_by_tile) < 0.15 * whole.nbytes
    assert costs.peak_bytes(lambda: shifted.cross_entropy(hidden @ weights, targets)) > 2 * whole.nbytes


# --- tiles ----------------------------------------------------------------------------------------------


quietly_small = np.errstate(under="ignore")  # a weight of 0 is no event worth a word


def two_passes(queries, keys, values, keep=None):
    scores = queries @ np.swapaxes(keys, -1, -2) / math.sqrt(queries.shape[-1])
    if keep is not None:
        scores = np.where(keep, scores, -INF)
    with np.errstate(all="ignore"):
        return shifted.softmax(scores) @ values


def heads(seed=0, shape=(2, 3), length=20, width=8, scale=1.0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, scale, (*shape, length, width)) for _ in range(3)]


@quietly_small
@pytest.mark.parametrize("tile", [1, 3, 7, 20, 64])
@pytest.mark.parametrize("scale", [1, 30])
def test_attention_in_tiles_is_attention_in_two_passes(tile, scale):
    q, k, v = heads(scale=scale)
    causal = np.tril(np.ones((20, 20), bool))
    for keep in (None, causal, causal[::-1]):
        np.testing.assert_allclose(
            online.attention(q, k, v, tile, keep), two_passes(q, k, v, keep), rtol=1e-9, atol=1e-12
        )


@quietly_small
def test_a_masked_first_tile_changes_nothing_and_a_query_that_may_look_nowhere_gets_zeros():
    q, k, v = heads(shape=())
    keep = np.ones((20, 20), bool)
    keep[:, :6] = False
    np.testing.assert_allclose(online.attention(q, k, v, 3, keep), two_passes(q, k[6:], v[6:]), rtol=1e-12)
    keep[4] = False
    result = online.attention(q, k, v, 3, keep)
    assert np.all(result[4] == 0)
    assert np.isfinite(result).all()


@quietly_small
def test_attention_in_16_bits_adds_up_in_32():
    q, k, v = (part.astype(ml_dtypes.bfloat16) for part in heads(shape=(), length=600))
    wide = two_passes(*(part.astype(np.float32) for part in (q, k, v)))
    result = online.attention(q, k, v)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, wide, rtol=1e-3, atol=1e-4)


@quietly_small
def test_tiles_hold_a_strip_of_scores_and_two_passes_all_of_them():
    """Dao et al. 2022: memory grows with the length, no longer with its square."""
    peaks = []
    for length in (512, 1024):
        q, k, v = (part.astype(np.float32) for part in heads(shape=(), length=length, width=16))
        peaks.append(costs.peak_bytes(online.attention, q, k, v))
        assert costs.peak_bytes(two_passes, q, k, v) > 2 * 4 * length**2
    assert peaks[1] < 2.2 * peaks[0] < 4 * 1024 * 64 * 6


@quietly_small
def test_tiles_of_queries_cut_the_accesses_as_dao_et_al_count_them():
    """N = 256, d = 16: 4 N^2 + 4 N d in two passes; 2 N d + 2 N^2 d / rows with `rows` queries on the chip."""
    n, d, rows = 256, 16, 64
    q, k, v = heads(shape=(), length=n, width=d)
    far = [costs.CountedArray(part) for part in (q, k, v, np.zeros((n, d)), np.zeros((n, n)))]
    queries, keys, values, output, scores = far
    scores[:] = queries[:] @ keys[:].T / math.sqrt(d)
    scores[:] = shifted.softmax(scores[:])
    output[:] = scores[:] @ values[:]
    assert sum(one.accesses for one in far) == 4 * n * n + 4 * n * d
    expected = output.values.copy()
    for one in far:
        one.accesses = 0
    for start in range(0, n, rows):
        some = slice(start, start + rows)
        output[some] = online.attention(queries[some], keys, values, tile=32)
    assert sum(one.accesses for one in far) == 2 * n * d + 2 * n * d * (n // rows)
    np.testing.assert_allclose(output.values, expected, rtol=1e-12, atol=1e-15)


def test_importing_the_room_loads_no_dask():
    code = "import sys, course_utils.online, course_utils.online.on_dask; assert 'dask' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
