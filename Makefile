# DermTrace in a few commands. `make help` lists them; README.md has the same for Windows.

PORT ?= 8501
PYTHON ?=

PY := .venv/bin/python
# A stamp is named by what it stands for and written last: changed requirements have no stamp yet,
# and neither has an installation that was interrupted.
RUN_STAMP := .venv/installed-$(shell cat requirements.txt | cksum | cut -d ' ' -f 1)
DEV_STAMP := .venv/installed-dev-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d ' ' -f 1)

.DEFAULT_GOAL := help
.PHONY: help run test lint bench speed soak readme clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

run: $(RUN_STAMP) ## Install what is missing, then start the app on 127.0.0.1 (PORT=8501)
	@echo "DermTrace is starting on http://127.0.0.1:$(PORT)  (Ctrl-C stops it)"
	@$(PY) -m streamlit run app.py --server.address 127.0.0.1 --server.port $(PORT) \
		--server.headless true --server.showEmailPrompt false

test: lint ## Run every check: ruff, mypy, pytest with the browser stories
	@$(PY) -m pytest -n logical --maxprocesses 4 --dist loadfile

lint: $(DEV_STAMP) ## Run ruff and mypy alone
	@$(PY) -m ruff check .
	@$(PY) -m mypy skinmodel training records settings.py worker.py

bench: $(RUN_STAMP) ## Measure speed: ratios, side by side in one run
	@$(PY) -m benchmarks

speed: $(RUN_STAMP) ## Measure speed and write the table into the README (long)
	@echo "Measuring; this takes several minutes. Keep the machine idle."
	@measured=$$($(PY) -m benchmarks --markdown); code=$$?; \
	printf '%s\n' "$$measured" | $(PY) -m tests.readme speed && exit $$code

soak: $(DEV_STAMP) ## Run the tests with the full counts of bad inputs and faults (long)
	@SKIN_SOAK=1 $(PY) -m pytest --timeout 3600

readme: $(DEV_STAMP) ## Retake the README's pictures; rewrite its outputs and numbers (needs chromium)
	@$(PY) -m tests.readme
	@$(PY) -m tests.browser.shoot

clean: ## Remove the virtual environment and the caches; var/ with your data stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN_STAMP):
	@$(call install,requirements.txt)
	@touch $@

$(DEV_STAMP):
	@$(call install,requirements-dev.txt)
	@touch $(RUN_STAMP) $@

# Finds a Python, says what will be downloaded, makes the environment, fills it and proves that it
# imports. An environment that works is kept, so that a CPU build of torch put there before stays.
# Sizes: the 80 wheels pip chose on Linux (x86-64) for the pins, two thirds of them CUDA libraries.
define install
set -e; \
rm -f .venv/installed-*; \
if [ "$$(uname -s)" = Linux ]; then size='about 3.3 GB to download, 6.6 GB on disk'; \
else size='less than 1 GB to download, 2 GB on disk'; fi; \
fits='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; \
if ! { $(PY) -c "$$fits" && $(PY) -m pip --version; } >/dev/null 2>&1; then \
	found=; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
		if "$$candidate" -c "$$fits" >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "DermTrace needs Python 3.11 or newer with its venv module. Found: $$($(or $(PYTHON),python3) -V 2>&1 || true)." >&2; \
		echo "On Debian or Ubuntu: apt-get install python3-venv. Elsewhere: https://www.python.org/downloads/" >&2; \
		echo "If it has another name: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	"$$found" -m venv --clear .venv; \
fi; \
torch='import importlib.metadata as m; print(m.version("torch").partition("+")[0])'; \
if grep -qx "torch==$$($(PY) -c "$$torch" 2>/dev/null)" requirements.txt; then \
	size='under 0.5 GB to download, for PyTorch is there'; \
fi; \
echo "Installing the libraries of $(1): $$size (in .venv)."; \
echo "This happens once. If it is interrupted, the same command takes it up again."; \
$(PY) -m pip install --disable-pip-version-check -r $(1); \
$(PY) -c 'import pandas, plotly, safetensors.torch, sklearn, streamlit, torchvision, pytorch_grad_cam' || { \
	echo "The libraries do not load. Run: make clean, then the same command again." >&2; exit 1; }
endef
