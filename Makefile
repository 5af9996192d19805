# Every target works on a fresh clone: it makes .venv/ first if that is missing or out of date.
PYTHON ?= python3
UC ?= phantom-cxr
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv/ and install the lock file and Radloop into it.

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Radloop needs Python 3.11 to 3.13: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sh scripts/install $(BIN)
	@touch $@

retrain: $(STAMP) ## Run the whole loop on UC (default phantom-cxr), up to a candidate; SOURCE=PATH ingests first.
	@$(BIN)/radloop retrain $(UC) $(if $(SOURCE),--source $(SOURCE))

# Two tests at a time with one thread each: most of the time goes into starting processes, which no second thread helps.
# A third test at a time takes as long: both cores are busy.
test: $(STAMP) ## Run the tests; what needs a missing system package is skipped by name, or fails with RADLOOP_FULL=1.
	@OMP_NUM_THREADS=1 $(BIN)/pytest --durations=20 -n 2 --dist loadfile --no-loadscope-reorder

check: $(STAMP) ## Lint, format, types and layers.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(STAMP) ## Format the code.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(STAMP) ## Resolve requirements.lock anew from pyproject.toml.
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url -q -o requirements.lock

serve: $(STAMP) ## Serve every champion on loopback.
	@$(BIN)/radloop serve

docs: $(STAMP) ## Build the manual into site/.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench-loop: $(STAMP) ## Where the phantom loop's time goes that is not training or evaluation.
	@$(BIN)/python benchmarks/loop_overhead.py

bench-resume: $(STAMP) ## Kill the loop at many moments, and compare with an uninterrupted run.
	@$(BIN)/python benchmarks/kill_resume.py

bench-offline: $(STAMP) ## The default loop without a network, every attempt to connect counted.
	@$(BIN)/python benchmarks/offline.py

bench-ingest: $(STAMP) ## DICOM files a second beside plain pydicom, scaling, and what 1% more costs; RADLOOP_REAL_DATA.
	@$(BIN)/python benchmarks/ingest.py

bench-decode: $(STAMP) ## 10,000 mutated DICOM files: no crash, no hang, no memory; RADLOOP_REAL_DATA.
	@$(BIN)/python benchmarks/decode_mutations.py --n 10000

bench-leakage: $(STAMP) ## Near-duplicates among 200,000 images.
	@$(BIN)/python benchmarks/leakage.py

bench-validate: $(STAMP) ## The suite on NIH's table of 112,120 images.
	@$(BIN)/python benchmarks/validate_manifest.py

bench-text: $(STAMP) ## How much burnt-in text is found, and what is taken for it; RADLOOP_REAL_DATA.
	@$(BIN)/python benchmarks/burned_in.py "$(RADLOOP_REAL_DATA)"

bench-training: $(STAMP) ## Training throughput beside a bare PyTorch loop.
	@$(BIN)/python benchmarks/training.py

bench-preprocessing: $(STAMP) ## What less noise, equalised contrast or cut margins gain on frozen features of what `make results` took in.
	@$(BIN)/python -m benchmarks.preprocessing

bench-search: $(STAMP) ## Hyperband beside an unpruned search, five seeds; hours on a CPU.
	@$(BIN)/python benchmarks/search.py

bench-coverage: $(STAMP) ## How often a 95% interval holds the truth, on simulated patients with several images.
	@$(BIN)/python benchmarks/interval_coverage.py

bench-bootstrap: $(STAMP) ## The patient bootstrap beside a plain scikit-learn loop.
	@$(BIN)/python benchmarks/bootstrap_speed.py

bench-gate: $(STAMP) ## Whom the gate's bounds let pass, where the truth is known.
	@$(BIN)/python benchmarks/gate_simulation.py

bench-defects: $(STAMP) ## The gate on clean phantoms and on planted defects; three times the default loop.
	@$(BIN)/python benchmarks/planted_defects.py

bench-fusion: $(STAMP) ## What a planted clinical value adds to a weak image, beside what it can add.
	@$(BIN)/python benchmarks/fusion.py

bench-shortcuts: $(STAMP) ## Phantoms with and without a marker in the corner: what the examination tells of either.
	@$(BIN)/python benchmarks/shortcuts.py

bench-monitor: $(STAMP) ## radloop monitor on a million answers: seconds, memory, growth; QUICK=1 on a twentieth.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.monitor_scale $(if $(QUICK),--quick)

bench-kill: $(STAMP) ## Kill the service and the index in the middle of writes, KILLS=50 times, POSTGRES=1 with its server: nothing is lost or torn.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.kill_records $(if $(KILLS),--kills $(KILLS)) $(if $(POSTGRES),--postgres)

replay-drift: $(STAMP) ## Weeks of own images, then another population: alarm, delay, false alarms; RADLOOP_REAL_DATA, else phantoms.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.replay_drift

closed-loop: $(STAMP) ## Serve, shift the site, alarm, queue, labels, retrain, approve, recover: on phantoms, apart; QUICK=1 for a short form.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.closed_loop $(if $(QUICK),--quick)

bench-record: $(STAMP) ## What the record of answers, the key and the limits add to an answer's time.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.record_latency

bench-footprint: $(STAMP) ## Five use cases in one service: seconds until ready, until the first answer of a resting network, and memory.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.footprint

bench-load: $(STAMP) ## MINUTES=30 of mixed load with rollbacks, killed workers and bad input: no wrong answer, no failed good request, flat memory.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.mixed_load $(if $(MINUTES),--minutes $(MINUTES))

container: $(STAMP) ## Build the newest Bento's image with buildah, start it and ask it; BASE=debian where no image can be fetched.
	@$(BIN)/python -m benchmarks.container $(if $(BASE),--base $(BASE))

bench-video: $(STAMP) ## Frames a second of a 5-minute video from upload to answer, and its memory; SECONDS=60 is quick.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.video $(if $(SECONDS),--seconds $(SECONDS))

screenshots: $(STAMP) ## Photograph the reading page for the manual; phantoms only.
	@$(BIN)/python -m benchmarks.screenshots

bench-serving: $(STAMP) ## The service beside FastAPI with eager PyTorch, with OpenVINO, tuned, and the bare engine; RADLOOP_REAL_DATA.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.serving

bench-engines: $(STAMP) ## ONNX Runtime beside OpenVINO: what one image costs in 32 bits.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.engines

results: $(STAMP) ## Train and judge every use case on real data (UC=NAME for one) and write docs/results.md; RADLOOP_REAL_DATA.
	@$(BIN)/python -m benchmarks.results $(if $(filter file,$(origin UC)),,$(UC))

clean: ## Remove caches; data, models and records stay.
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build *.egg-info src/*.egg-info
