"""The objectives of lesson 91, which its exercises share."""

FIND = "predict the number, or find the input, that gives a fault at scale away"
REPAIR = "repair the one step at fault in code that trains or serves"
