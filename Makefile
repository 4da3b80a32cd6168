# Two commands: `make claims` verifies the claims, `make test` tests the project.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTABLE := $(VENV)/.testable
DOCUMENTABLE := $(VENV)/.documentable

FRAMEWORK_TESTS := tests/session/test_session_on_another_framework.py $(addprefix tests/backends/keras/test_, \
  against_fit.py feeding.py jax_program.py like_tensorflow.py on_jax.py on_torch.py \
  other_frameworks.py reasons.py seeding.py stateless.py torch_program.py)

# Where it is set, each of many processes compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: claims article literature timed examples plan test test-jax test-torch test-slow lint docs calibration benchmark clean

claims: $(INSTALLED)  ## verify every claim under the quick protocol
	$(BIN)/pytest claims/ -n auto

article: $(INSTALLED)  ## verify every claim under the article's protocol
	$(BIN)/pytest claims/ -n auto --claims-protocol=article

literature: $(INSTALLED)  ## verify the claims of the literature, a pack with a protocol of its own
	$(BIN)/pytest claims/literature/ -n auto

timed: $(INSTALLED)  ## verify the claims about wall time; leave the machine alone meanwhile
	$(BIN)/pytest claims/ -m timed

examples: $(TESTABLE)  ## verify the claims of the examples, about other models and libraries
	$(BIN)/pytest examples/ -n auto

plan: $(INSTALLED)  ## show what would be trained, and train nothing
	$(BIN)/pytest claims/ --claims-plan

test: $(TESTABLE)  ## test the project itself, but for what takes long
	BNCLAIMS_DATA=digits $(BIN)/pytest tests/ -n auto --dist loadfile

# These tests mostly compile: what compiles sooner, and is a little slower, agrees with `fit` alike.
test-jax: $(TESTABLE)  ## the tests of Keras on JAX, which needs processes of its own
	XLA_FLAGS=--xla_backend_optimization_level=0 BNCLAIMS_DATA=digits BNCLAIMS_BACKEND=jax $(BIN)/pytest -n auto $(FRAMEWORK_TESTS)

test-torch: $(TESTABLE)  ## the same on PyTorch, which it installs: on Linux by default some gigabytes
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[torch]'
	BNCLAIMS_DATA=digits BNCLAIMS_BACKEND=torch $(BIN)/pytest -n auto $(FRAMEWORK_TESTS)

test-slow: $(TESTABLE)  ## the tests that take long
	BNCLAIMS_DATA=digits $(BIN)/pytest tests/ -n auto --dist loadgroup -m slow

lint: $(TESTABLE)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DOCUMENTABLE)  ## build the documentation site in build/docs; warnings are errors
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs build/docs

calibration: $(INSTALLED)  ## simulate what verdicts promise; writes the tables of docs/statistics.md
	$(BIN)/python benchmarks/calibration.py

benchmark: $(INSTALLED)  ## time training against fit, JAX and the hardware; leave the machine alone
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[benchmark]'
	$(BIN)/python -m benchmarks.performance

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[figures]'
	touch $@

# What only tests need comes later: Keras imports pandas and scikit-learn where it finds them, which
# costs each worker some 60 MB and a second.
$(TESTABLE): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,figures]'
	touch $@

$(DOCUMENTABLE): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:  ## remove the environment; stored runs stay in the user's cache folder
	rm -rf $(VENV)
