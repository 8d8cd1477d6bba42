"""A class that works through the course: problem sets, their grading, and what a teacher needs around them."""
