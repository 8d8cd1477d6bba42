# Each target prepares .venv by itself; a second run reuses it. Every line can be typed by hand.
#   make lab [PORT=8899] [BROWSER=none]     open the course
#   make test                               everything that must hold

ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN = .venv/Scripts
else
PYTHON ?= python3
BIN = .venv/bin
endif
RUN = $(BIN)/python

# Tests answer bets and exercises; they leave a learner's record alone.
unit lessons browser: export COURSE_PROGRESS = off

.PHONY: lab test lint unit lessons browser notebooks cheatsheet bench experiments learner development

lab: learner
	$(RUN) -m jupyterlab --config=tools/jupyter_lab_config.py

test: lint unit lessons browser

lint: development
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

unit: development
	$(RUN) -m pytest tests --ignore=tests/browser -n 2 --junitxml=artifacts/unit.xml

lessons: development
	$(RUN) tools/notebooks.py check
	$(RUN) -m pytest --nbval notebooks -n 2 --dist loadscope --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 120 --junitxml=artifacts/notebooks.xml

browser: development
	$(PYTHON) tools/environment.py browser
	$(RUN) -m pytest tests/browser -n 2 --dist loadfile --junitxml=artifacts/browser.xml

notebooks: development
	$(RUN) tools/notebooks.py build

cheatsheet: development
	$(PYTHON) tools/environment.py browser
	$(RUN) tools/cheat_sheet.py

bench: development
	$(RUN) -m benchmarks
	$(PYTHON) tools/environment.py browser
	$(RUN) benchmarks/latency.py

experiments: development
	$(RUN) -m experiments

learner development:
	$(PYTHON) tools/environment.py $@
