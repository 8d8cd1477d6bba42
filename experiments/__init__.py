"""Experiments too long for a lesson: each writes the numbers that a lesson loads.

python -m experiments                all of them, one after the other
python -m experiments survival       one
"""
