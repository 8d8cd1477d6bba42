"""Draw numbers you already have on axes you already have; compute nothing, drop nothing.

Matplotlib leaves out NaN and inf without a word. Here they are drawn: a hatched bar of full height
with the word on it. Each state has a glyph, a word, a hatch and a colour, so that no picture needs
its colours to be read. A `draw_*` function owns its axes: called again, it replaces its picture.

room      holds
palette   colours, states and their looks, and a figure that no notebook shows by itself
marks     boxes, words that never collide, labels at line ends
bars      a bar or a mark for each number
bands     stretches along an axis, and counts
tables    a matrix, a pipeline
curves    truth and computed, errors, training runs, ratios of times
lines     the numbers of a format on a number line
narrow    gradients below a format, remedies side by side
"""

from course_utils.plots.bands import draw_bands, draw_outcomes, draw_strip
from course_utils.plots.bars import draw_bars, draw_dots
from course_utils.plots.curves import draw_errors, draw_lanes, draw_ratios, draw_times, draw_training
from course_utils.plots.lines import draw_number_lines
from course_utils.plots.narrow import draw_diseases, draw_gradients, draw_remedies
from course_utils.plots.palette import PALETTE, STATE_STYLE, StateStyle, figure, look, style
from course_utils.plots.tables import draw_matrix, draw_pipeline

__all__ = [
    "PALETTE",
    "STATE_STYLE",
    "StateStyle",
    "draw_bands",
    "draw_bars",
    "draw_codes",
    "draw_diseases",
    "draw_dots",
    "draw_errors",
    "draw_gradients",
    "draw_lanes",
    "draw_matrix",
    "draw_number_lines",
    "draw_outcomes",
    "draw_pipeline",
    "draw_ratios",
    "draw_remedies",
    "draw_strip",
    "draw_times",
    "draw_training",
    "figure",
    "look",
    "style",
]
