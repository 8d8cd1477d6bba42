"""A fuzz of the values of `stable`: everything it accepts, at every size, against the truth.

part       holds
inputs     rows from every decade and beside every threshold; one call with all its options
layouts    the same rows as arrays of any shape, order and type
judge      what has to come out, and how close
shrink     the smallest call that still fails, as a snippet
__main__   `python -m tests.fuzz --minutes 60`
"""
