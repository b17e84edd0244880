# Every target works in a fresh clone with python3, python3-venv, git and make.
PYTHON ?= python3
BIN := .venv/bin
TOOLS := tests/tools
CHECK ?=
ARGS ?=
PROMPTS ?= 100000
SEED ?= 1
ROUNDS ?=
MINUTES ?= 120
CHATS ?=
EVERY ?=
EARLIER ?=
LATEST ?=

export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test test-clis lint format bench soak soak-bots wheel clean prepare prepare-lint

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
	|| grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST)

demo: ## Install into .venv and open JupyterLab with a demo that needs no key (CHECK=1: the same flow without a browser)
	@$(PYTHON) $(TOOLS)/prepare.py demo
	@$(BIN)/python -m codecast_jupyter.demo $(if $(CHECK),--check) $(ARGS)

test: prepare ## Install what the tests need, then lint and test everything (ARGS goes to pytest)
	@$(BIN)/python $(TOOLS)/check.py test $(ARGS)

test-clis: prepare ## Test every CLI with its real program (LATEST=1: the newest of npm instead of the locked ones)
	@$(BIN)/python $(TOOLS)/clis.py $(if $(LATEST),--latest) $(ARGS)

lint: prepare-lint ## ruff, mypy, tsc, eslint, prettier
	@$(BIN)/python $(TOOLS)/check.py lint

format: prepare-lint ## Format Python and TypeScript in place
	$(BIN)/python -m ruff check --fix . ; $(BIN)/python -m ruff format .
	cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/prettier --write .

bench: prepare ## Measure against plain ssh and rewrite docs/performance.md (20 minutes; ARGS=--quick: 7)
	$(BIN)/python -m tests.bench $(ARGS)

soak: prepare ## Everything breaks, by a seed: PROMPTS=100000 SEED=1 ROUNDS=100 EVERY=10; results go to docs/reliability.md
	$(BIN)/python -m tests.faults.harness --prompts $(PROMPTS) --seed $(SEED) \
	  $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(EVERY),--every $(EVERY)) $(if $(EARLIER),--earlier $(EARLIER)) $(ARGS)

soak-bots: prepare ## Stream to chats that fail, for MINUTES=120 of a clock that runs a hundred times faster: CHATS="telegram lark"
	$(BIN)/python -m tests.bots.soak $(MINUTES) $(CHATS)

wheel: ## Build sdist and wheel into dist/
	@$(PYTHON) $(TOOLS)/prepare.py demo
	rm -rf dist codecast_jupyter/labextension
	$(BIN)/python -m pip install -q build
	$(BIN)/python -m build

clean: ## Remove everything that was made
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .demo codecast_jupyter/labextension \
	  codecast_jupyter/_version.py labextension/lib labextension/node_modules labextension/tsconfig.tsbuildinfo \
	  tests/clis_lock/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

prepare:
	@$(PYTHON) $(TOOLS)/prepare.py test

prepare-lint:
	@$(PYTHON) $(TOOLS)/prepare.py lint
