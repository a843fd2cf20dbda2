# Builds, runs and checks claw-mesh with nothing but Node.js/npm, make and git. Every target brings what it needs.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The one place that names the version of Bun is package.json ("packageManager").
BUN_VERSION := $(shell sed -n 's/.*"packageManager": "bun@\([^"]*\)".*/\1/p' package.json)
BUN_FOLDER := .cache/bun/$(BUN_VERSION)
BUN ?= $(BUN_FOLDER)/bun

# More arguments for the program: make run ARGS="--port 9280"
ARGS ?=
# Where run-node joins.
URL ?= http://127.0.0.1:9180
# More arguments for the test runner: make test TEST_FLAGS="-t 'three nodes'"
TEST_FLAGS ?=
OPENCLAW_TEST_FLAGS ?= $(TEST_FLAGS)

export PATH := $(CURDIR)/$(BUN_FOLDER):$(PATH)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-16s %s\n' "$$name" "$$text"; done

$(BUN_FOLDER)/bun:
	@scripts/get-bun.sh $(BUN_VERSION) $(BUN_FOLDER)

.PHONY: check-bun
check-bun: $(BUN)
	@[ "$$($(BUN) --version)" = "$(BUN_VERSION)" ] || { \
	  echo "claw-mesh: $(BUN) is Bun $$($(BUN) --version 2>/dev/null || echo '(unknown)'), but version $(BUN_VERSION) is needed. Leave BUN unset: make gets the right one." >&2; exit 1; }

# For scripts that call Bun themselves.
.PHONY: bun-path
bun-path:
	@echo $(BUN)

node_modules/.installed: package.json bun.lock | check-bun
	@$(BUN) install --frozen-lockfile --silent || { echo "claw-mesh: installing the packages failed; see the message above." >&2; exit 1; }
	@touch $@

.PHONY: build
build: check-bun node_modules/.installed ## Make the self-contained executable bin/claw-mesh
	@$(BUN) scripts/build.ts

.PHONY: run
run: build ## Start a coordinator with a local node: the runtime found here, else echo
	@bin/claw-mesh up --local auto,echo $(ARGS)

.PHONY: run-coordinator
run-coordinator: build ## Start a coordinator alone
	@bin/claw-mesh up --no-local $(ARGS)

.PHONY: run-node
run-node: build ## Join this machine to a coordinator (URL=http://127.0.0.1:9180)
	@bin/claw-mesh join $(URL) $(ARGS)

.PHONY: start-coordinator
start-coordinator: build ## Start a coordinator in the background; make stop ends it
	@scripts/start.sh coordinator $(ARGS)

.PHONY: start-node
start-node: build ## Join this machine in the background (URL=http://127.0.0.1:9180)
	@scripts/start.sh node $(URL) $(ARGS)

.PHONY: stop
stop: ## Stop what was started in the background
	@scripts/stop.sh

.PHONY: e2e-deploy
e2e-deploy: build ## Try a mesh on real machines by ssh: COORDINATOR_HOST=me@vps NODE_HOSTS="me@mac me@box"
	@BINARY=$(CURDIR)/bin/claw-mesh scripts/e2e-deploy.sh

.PHONY: test
test: build ## All tests that need no network, end to end and faults on bin/claw-mesh among them
	@$(BUN) test --path-ignore-patterns 'test/openclaw/**' --path-ignore-patterns 'test/browser/**' --path-ignore-patterns 'test/machine/**' $(TEST_FLAGS)

.PHONY: test-tools
test-tools: ## Get what the fault tests need of the machine, where that can be had (strace)
	@scripts/install-test-tools.sh

# Small disks are mounted, which takes root or a user namespace; either way they are gone with the run.
UNSHARE := $(shell if [ "$$(uname -s)" = Linux ] && unshare --user --map-root-user --mount true 2>/dev/null; then \
  [ "$$(id -u)" = 0 ] && echo "unshare --mount" || echo "unshare --user --map-root-user --mount"; fi)

.PHONY: test-fault
test-fault: build test-tools ## Faults on bin/claw-mesh: power loss order, crash images, slow, full and damaged disks
	@$(UNSHARE) $(BUN) test $(TEST_FLAGS) ./test/fault

.PHONY: test-machine
test-machine: build ## What needs more of the machine (root): systemd's checker, network namespaces with a real sshd
	@scripts/install-test-tools.sh ip ssh sshd systemd-analyze xmllint
	@$(UNSHARE) $(BUN) test $(TEST_FLAGS) ./test/machine

.PHONY: test-browser
test-browser: check-bun node_modules/.installed ## What pages of strangers can do to a browser that is logged in, in real Chromium
	@scripts/install-test-tools.sh chromium
	@$(BUN) test $(TEST_FLAGS) ./test/browser

.PHONY: test-openclaw
test-openclaw: build ## Get the real OpenClaw through npm and test against its gateway
	@$(BUN) scripts/install-openclaw.ts
	@CLAW_MESH_OPENCLAW=1 $(BUN) test $(OPENCLAW_TEST_FLAGS) ./test/openclaw

.PHONY: security
security: build test-tools ## Every promise about safety: claim, test, cases tried, result (ARGS=access: one area)
	@$(UNSHARE) $(BUN) scripts/security.ts $(ARGS)

.PHONY: fuzz
fuzz: build ## Feed nonsense to every input, FUZZ_SECONDS=300 for each target (ARGS=http: one target)
	@$(BUN) scripts/fuzz.ts $(ARGS)

.PHONY: sbom
sbom: check-bun node_modules/.installed ## Write sbom.json: what the executable is made of (CycloneDX)
	@$(BUN) scripts/sbom.ts sbom.json

.PHONY: licences
licences: check-bun node_modules/.installed ## Check all licences and write THIRD_PARTY_LICENSES anew
	@$(BUN) scripts/licences.ts

.PHONY: advisories
advisories: check-bun node_modules/.installed ## Ask the package registry for known holes in what we use
	@$(BUN) scripts/advisories.ts

.PHONY: lint
lint: check-bun node_modules/.installed ## Format, lint, types, unused code, import directions
	@$(BUN) scripts/lint.ts

.PHONY: bench
bench: build ## Measure throughput, latency, start-up, memory, size
	@$(BUN) scripts/bench.ts $(ARGS)

.PHONY: lab
lab: build ## Break a mesh on purpose, 100,000 tasks long, and count what became of each (lab-report.json)
	@bin/claw-mesh lab --nodes 20 --tasks 100000 --chaos --report lab-report.json $(ARGS)

.PHONY: ci
ci: ## Everything that must hold before a change goes in
	@.ci/run

.PHONY: clean
clean: ## Remove what was built and installed
	@rm -rf bin node_modules .cache bench-results.json lab-report.json security-report.json security-report.md sbom.json
