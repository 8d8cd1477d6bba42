# Each target prepares .venv by itself; a second run reuses it. Every line can be typed by hand.
#   make lab [PORT=8899] [BROWSER=none]     open the course
#   make test                               everything that must hold

ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN = .venv/Scripts
LITE = .venv-lite/Scripts/python
READING = .venv-site/Scripts/python
else
PYTHON ?= python3
BIN = .venv/bin
LITE = .venv-lite/bin/python
READING = .venv-site/bin/python
endif
RUN = $(BIN)/python
CLASS = $(subst .venv,.venv-classroom,$(BIN))/python
# Hand-ins are graded where there is bubblewrap.
CLASSROOM_TESTS = $(if $(filter Linux,$(shell uname)),classroom-tests)

# Tests answer bets and exercises; they leave a learner's record alone.
unit lessons browser site-tests classroom-tests grading-test throughput hub-test binder-test colab-test lite-test offline-test: export COURSE_PROGRESS = off

.PHONY: lab test lint unit lessons browser notebooks cheatsheet bench experiments learner development
.PHONY: assignments grading-test throughput classroom-tests classroom-environment slides classroom hub-test
.PHONY: site reading site-tests lite offline binder-test colab-test lite-test offline-test times

lab: learner
	$(RUN) -m jupyterlab --config=tools/jupyter_lab_config.py

test: lint unit lessons browser site-tests $(CLASSROOM_TESTS)

lint: development
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

unit: development
	$(RUN) -m pytest tests --ignore=tests/browser --ignore=tests/site --ignore=tests/classroom -n 2 --dist worksteal --junitxml=artifacts/unit.xml

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

# For teachers: the problem sets as nbgrader's source notebooks, and the tests of everything under classroom/.
assignments: classroom-environment
	$(CLASS) -m classroom.assignments build/assignments

classroom-tests: classroom-environment
	$(PYTHON) tools/environment.py browser
	$(CLASS) -m pytest tests/classroom -n 2 --dist loadfile --junitxml=artifacts/classroom.xml

grading-test: classroom-environment
	$(CLASS) -m pytest tests/classroom/test_grading_points.py tests/classroom/test_grading_batch.py --weekly

throughput: classroom-environment
	$(CLASS) -m classroom.throughput

classroom-environment:
	$(PYTHON) tools/environment.py classroom
	$(PYTHON) tools/environment.py sandbox

# The course in other places. What ends in -test takes minutes; every week it runs by itself.
site: reading lite

reading:
	$(PYTHON) tools/environment.py site
	$(READING) site/build.py build/site

site-tests: browser-ready
	$(PYTHON) tools/environment.py site
	$(RUN) -m pytest tests/site -n 2 --dist worksteal --junitxml=artifacts/site.xml

lite: development
	$(PYTHON) tools/environment.py lite
	$(LITE) tools/lite.py build/site

offline: learner
	$(RUN) tools/offline.py

binder-test: browser-ready
	$(RUN) -m pytest tests/test_binder.py --weekly

colab-test: development
	$(RUN) -m pytest tests/test_colab.py --weekly

offline-test: development
	$(RUN) -m pytest tests/test_offline.py --weekly

lite-test: browser-ready
	$(RUN) -m pytest tests/browser/test_lite.py --weekly

times:
	$(PYTHON) tools/times.py

browser-ready: development
	$(PYTHON) tools/environment.py browser

learner development:
	$(PYTHON) tools/environment.py $@

slides: classroom-environment
	$(CLASS) -m classroom.slides

classroom: classroom-environment
	$(CLASS) -m classroom.steps demo

hub-test: classroom-environment
	$(PYTHON) tools/environment.py browser
	HUB_USERS=5 $(CLASS) -m pytest tests/classroom/test_hub_at_work.py -v
