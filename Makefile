# Two commands on a bare machine (Python >= 3.11, a C++ compiler, git, make):
#   make demo   installs into .venv and segments a picture that comes with the package
#   make test   installs all that the tests need and runs lint, types and every test through tox
# Stamp files in .stamps/ make a second run quick.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
DEMO := demo_output

# What a rebuild of the installed package depends on.
SOURCES := pyproject.toml CMakeLists.txt README.md $(shell find src -type f \
	-not -path '*/__pycache__/*' -not -name '*.so')

# What Qt 6 and software OpenGL need to draw on a virtual screen (Debian 12 names).
APT_PACKAGES := xvfb xauth libgl1 libegl1 libgl1-mesa-dri libxkbcommon-x11-0 libdbus-1-3 \
	libfontconfig1 libglib2.0-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
	libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1

.PHONY: help demo test system-packages clean

help:
	@echo "make demo    install into $(VENV), run 'napari-sen demo', results in $(DEMO)/"
	@echo "make test    install all that the tests need; lint, types, tests, sanitizers, docs"
	@echo "make clean   remove what the two have made"

demo: $(STAMPS)/package
	$(BIN)/napari-sen demo --output $(DEMO) --overwrite

test: system-packages $(STAMPS)/tox
	$(BIN)/tox run

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "napari-sen needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
		"Name another one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments." \
		"On Debian: apt-get install python3-venv" >&2; exit 1; }
	@mkdir -p $(STAMPS)
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(STAMPS)/package: $(STAMPS)/venv constraints.txt $(SOURCES)
	$(BIN)/pip install --quiet --constraint constraints.txt .
	@touch $@

$(STAMPS)/tox: $(STAMPS)/venv constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt tox
	@touch $@

# Checked each time (a tenth of a second): a stamp would outlive a fresh container.
system-packages:
	@missing=""; \
	for package in $(APT_PACKAGES); do \
		state=$$(dpkg-query --show --showformat='$${db:Status-Status}' $$package 2>/dev/null); \
		[ "$$state" = installed ] || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if ! command -v apt-get >/dev/null || [ "$$(id -u)" -ne 0 ]; then \
		echo "The tests draw on a virtual screen and need system packages. As root, run:" >&2; \
		echo "  apt-get update && apt-get install --yes --no-install-recommends$$missing" >&2; \
		exit 1; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update </dev/null && \
	apt-get install --yes --no-install-recommends $$missing </dev/null

clean:
	rm -rf $(STAMPS) $(VENV) $(DEMO) .tox build dist site
