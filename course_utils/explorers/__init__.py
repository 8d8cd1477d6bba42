"""Sliders over real arithmetic: one explorer a file, all in the frame of `core`.

temperature   what does T do to the same scores?
edge      how big may z get before exp(z) gives up?
breaker   which logits break the softmax, and what comes out?
offset    softmax ignores a constant; does the computer?
axis      which numbers did you subtract from which?
shift     must the shift be the maximum?
loss      why not take the log of a good softmax?
bill      what does safety cost?
training  who dies first, and what was the first bad number?
accumulator  the shift is in; what can still go wrong?
tiles     how can you normalise before you have seen the maximum?
"""
