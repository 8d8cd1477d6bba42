"""The formats: every threshold is checked against exp evaluated in the format itself."""

import numpy as np
import pytest

from course_utils import floats

FORMATS = list(floats.FORMATS.values())

CLIFFS = {
    "float64": (709.782712893384, 709.7827128933841, -708.3964185322642, -745.1332191019412),
    "float32": (88.72283172607422, 88.72283935546875, -87.3365478515625, -103.97208404541016),
    "float16": (11.0859375, 11.09375, -9.7109375, -17.34375),
    "bfloat16": (88.5, 89.0, -87.5, -93.0),
    "float8_e5m2": (10.0, 12.0, -10.0, -12.0),
    "float8_e4m3fn": (6.0, 6.5, -4.5, -7.0),
}


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
def test_cliffs_of_exp_are_where_the_published_thresholds_are(fmt):
    found = (fmt.exp_last_finite, fmt.exp_first_bad, fmt.exp_first_subnormal, fmt.exp_first_zero)
    assert found == CLIFFS[fmt.name]


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
def test_exp_changes_its_state_exactly_at_each_cliff(fmt):
    with np.errstate(all="ignore"):
        exps = np.exp(
            floats.store(
                [fmt.exp_last_finite, fmt.exp_first_bad, fmt.exp_first_subnormal, fmt.exp_first_zero], fmt
            )
        )
        before = np.exp(
            floats.store(
                [floats.neighbour(fmt.exp_first_subnormal, fmt), floats.neighbour(fmt.exp_first_zero, fmt)],
                fmt,
            )
        )
    bad = "inf" if fmt.has_inf else "NaN"
    assert list(floats.states(exps)) == ["ok", bad, "subnormal", "zero"]
    assert list(floats.states(before)) == ["ok", "subnormal"]


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
def test_beyond_the_absorption_margin_one_plus_exp_is_one(fmt):
    one = floats.store(1.0, fmt)
    absorbed = floats.store(np.exp(-fmt.absorption_margin - 0.01), fmt)
    kept = floats.store(np.exp(-fmt.absorption_margin + 0.7), fmt)
    assert one + absorbed == one
    assert one + kept != one


def test_e4m3_has_no_infinity_and_overflows_to_nan():
    assert [fmt.name for fmt in FORMATS if not fmt.has_inf] == ["float8_e4m3fn"]
    assert np.isnan(floats.store(1e6, "float8_e4m3fn").astype(float))


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
def test_neighbours_are_one_spacing_apart_and_there_and_back_is_the_same(fmt):
    for x in (1.0, -1.0, 1.5, fmt.smallest_normal, -fmt.smallest_subnormal, 0.0):
        x = float(floats.store(x, fmt))
        above = floats.neighbour(x, fmt)
        assert above > x
        assert floats.neighbour(above, fmt, up=False) == x
    assert floats.neighbour(1.0, fmt) - 1.0 == floats.spacing(1.0, fmt) == fmt.eps


def test_neighbour_of_the_ends():
    assert floats.neighbour(65504, "float16") == np.inf
    assert floats.neighbour(np.inf, "float16") == np.inf
    assert floats.neighbour(np.inf, "float16", up=False) == 65504
    assert np.isnan(floats.neighbour(np.nan, "float32"))


def test_spacing_below_the_smallest_normal_is_the_smallest_subnormal():
    for fmt in FORMATS:
        assert floats.spacing(0.0, fmt) == fmt.smallest_subnormal
    assert np.isnan(floats.spacing(np.inf, "float32"))


def test_typed_is_not_stored():
    assert float(floats.store(88.7, "bfloat16")) == 88.5
    assert float(floats.store(11.09, "float16")) == 11.09375


def test_bit_fields_add_up_to_the_value():
    assert floats.bit_fields(1.5, "float16") == ("0", "01111", "1000000000")
    for fmt in FORMATS:
        sign, exponent, fraction = floats.bit_fields(-1.25, fmt)
        assert sign == "1"
        assert len(sign + exponent + fraction) == fmt.bits
        assert 1 + int(fraction, 2) / 2 ** len(fraction) == 1.25


def test_states_name_every_kind_of_value():
    values = np.array([1, -2, 0, -0.0, 1e-40, np.inf, -np.inf, np.nan], dtype=np.float32)
    assert list(floats.states(values)) == ["ok", "ok", "zero", "zero", "subnormal", "inf", "inf", "NaN"]
    assert floats.states(np.float16(3)).shape == ()


def test_format_of_accepts_arrays_dtypes_names_and_refuses_the_rest_by_name():
    for kind in (np.float16, np.dtype("float16"), "float16", np.zeros(2, np.float16), np.float16(1)):
        assert floats.format_of(kind).name == "float16"
    with pytest.raises(TypeError, match="int64"):
        floats.format_of(np.zeros(3, np.int64))
    with pytest.raises(TypeError, match="float16"):
        floats.format_of("flaot16")


def test_widened_leaves_wide_formats_alone():
    assert floats.widened(np.zeros(2, np.float16)).dtype == np.float32
    assert floats.widened(floats.store([1.0], "float8_e5m2")).dtype == np.float32
    assert floats.widened(np.zeros(2)).dtype == np.float64
    assert floats.widened([1, 2]).dtype.kind == "i"


def test_events_are_printed_once_in_a_fixed_order_and_nothing_reaches_stderr(capsys):
    with floats.events() as seen:
        huge = np.exp(np.array([1000.0, 2000.0]))
        huge / huge
        np.log(np.zeros(1))
    printed = capsys.readouterr()
    kinds = ("overflow", "divide by zero", "invalid value")
    assert printed.out == "".join(f"floating-point event: {kind}\n" for kind in kinds)
    assert printed.err == ""
    assert len(seen) == 3
