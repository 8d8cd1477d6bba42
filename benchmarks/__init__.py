"""Speed, accuracy and memory of `stable`, side by side with what it is an alternative to.

room        holds
measure     the clock: calls in turns, medians; the machine and the versions
rivals      the other rooms and libraries, all called alike
speed       time of each call, and the bars that its ratios have to pass
accuracy    the largest error in ulps against mpmath, class of inputs by class of inputs
truth       a faster oracle, for millions of rows
bounds      the largest error of a million rows, at every SIMD level of NumPy
memory      the peak of what a call allocates
audits      what `course_utils.audit` says of SciPy, PyTorch and JAX
pictures    the picture in the README
report      a CSV for each part, the page made of them, the table in the README
distribution  what it costs to leave one process: a file, a cluster (a program of its own)
latency     from a key press on a slider to new pixels (needs a browser; a program of its own)

`python -m benchmarks` measures and writes `benchmarks/results/`; with --quick it only shows, in
`artifacts/benchmarks/`, that all of it runs.
"""

import os

# One thread, said before any library counts the processors.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"
