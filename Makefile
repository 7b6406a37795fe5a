# make build | install | test | demo | release | generate | bench | bench-models
# more tests: test-fakerows (part of test) | digests | conformance | test-race | test-company | test-sampler |
#   test-memory | test-faults | test-arm64 | test-terminal | fuzz
# Everything needs Go and nothing else, unless the target says so.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0

.PHONY: build install test test-fakerows test-terminal test-faults test-arm64 conformance test-company test-sampler demo release generate fuzz vet bench bench-models

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/tessera ./cmd/convert

# tessera into GOBIN, else into bin/ of GOPATH, the first of it where it is a list, as go install
# does, which would name it as its folder, convert.
install:
	@dir="$$($(GO) env GOBIN)"; path="$$($(GO) env GOPATH)"; \
	sep=:; [ "$$($(GO) env GOHOSTOS)" != windows ] || sep=';'; path="$${path%%"$$sep"*}"; \
	[ -n "$$dir$$path" ] || { echo "install: neither GOBIN nor a first folder of GOPATH is set: set GOBIN" >&2; exit 1; }; \
	dir="$${dir:-$$path/bin}"; set -x; \
	mkdir -p "$$dir" && $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o "$$dir/tessera$$($(GO) env GOEXE)" ./cmd/convert

# The one test command: README and .ci/run call it.
test: vet
	$(GO) test ./...
	$(MAKE) test-fakerows

# The rows that no user needs: with the tag a made-up family (and a type, an op, a
# codec, a target) stands in the tables, one file for each, and must convert, run and verify.
test-fakerows:
	$(GO) test -tags fakerows -run 'TestFakeRows|TestTwoTargets|TestTargetMissing|TestRowsFirst|TestCodecs' ./pkg/codec ./pkg/convert ./cmd/convert ./runtime/...
	$(GO) test -tags fakerows -run 'TestTarget.*Agree|TestConformance/^(fake_softsign|gated_act.*|matmul|embedding)$$' ./runtime/cpu
	$(GO) test -tags fakerows -run 'TestEdgeBlocks|TestDefinition|TestForms|TestGoldenTypes|TestProof' ./pkg/quant ./pkg/pack ./runtime/cpu/kernel ./pkg/verify

# The logits' bits of every row of testdata/digests.txt, in every tier of this
# machine. DIGESTS=-full computes them in every way, DIGESTS=-update adds rows
# that are missing, DIGESTS='-model NAME' computes the rows that contain NAME.
.PHONY: digests
digests:
	cd internal/digests && $(GO) test -run TestDigests -count=1 -timeout 6h -args -every $(DIGESTS)

# Goroutines that share a model, under the race detector; needs a C compiler, skips without.
.PHONY: test-race
test-race:
	@command -v $$($(GO) env CC) >/dev/null || { echo "test-race: skipped, there is no C compiler"; exit 0; }; \
	CGO_ENABLED=1 $(GO) test -race -short . ./runtime/scheduler ./pkg/dialog

# Chats in a real terminal; needs tmux, skips without.
test-terminal: build
	cmd/convert/testdata/terminal/chat.sh

vet:
	$(GO) vet ./...
	$(GO) vet -tags fakerows ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=windows GOARCH=amd64 $(GO) vet ./...

# The numeric packages on arm64 under qemu-user, each with the digests that
# amd64 has too, then the logits of a checkpoint: arm64's file must equal this
# machine's, byte for byte. Without qemu-aarch64 it says so and does nothing.
# Left out are the three tests that truncate a mapped file: qemu-user (7.2) delivers the
# bus error with address 0, and without one Guard cannot tell the mapping. The rest of
# their packages runs. Of the tiers, best is i8mm and neon the one below.
QEMU      ?= qemu-aarch64
ARM64SKIP  = ^(TestTruncatedSource|TestTruncatedWhileMapped|TestPoolFault)$$
ARM64PKGS  = internal/f32 pkg/quant pkg/pack runtime/cpu/kernel runtime/cpu internal/digests
ARM64MODELS = $(wildcard testdata/models/llama-f32 testdata/models/war-and-peace)
test-arm64:
	@command -v $(QEMU) >/dev/null || { echo "test-arm64: skipped, $(QEMU) (package qemu-user) is not installed"; exit 0; }; \
	set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	for pkg in $(ARM64PKGS); do \
	  GOOS=linux GOARCH=arm64 $(GO) test -c -o $$dir/pkg.test ./$$pkg; \
	  echo "arm64 $$pkg"; (cd $$pkg && $(QEMU) -cpu max $$dir/pkg.test -test.short -test.skip '$(ARM64SKIP)'); \
	done; \
	$(GO) build -o $$dir/here ./cmd/convert; \
	GOOS=linux GOARCH=arm64 $(GO) build -o $$dir/arm64 ./cmd/convert; \
	for model in $(ARM64MODELS); do for type in f32 q8_0 q4_k_m; do for tier in generic neon best; do \
	  here=$$tier; [ $$tier = generic ] || here=; there=$$tier; [ $$tier != best ] || there=; \
	  set -- logits $$model --type $$type --no-cache --tokens 1,5,9,33,4,77,12,8,100,3,2,66; \
	  TESSERA_CPU=$$here $$dir/here "$$@" -o $$dir/here.npy >/dev/null; \
	  TESSERA_CPU=$$there $(QEMU) -cpu max $$dir/arm64 "$$@" -o $$dir/arm64.npy >/dev/null; \
	  cmp $$dir/here.npy $$dir/arm64.npy; echo "$$model $$type $$tier: logits equal on arm64"; \
	done; done; done

# Every backend through every piece of every case; plain tests have some of them. More than
# twenty minutes of processor time.
conformance:
	TESSERA_CONFORMANCE=1 $(GO) test ./runtime/reference ./runtime/cpu -run TestConformance -count=1 -timeout 3h

# Sequences in company for 2,000 steps, at the generic tier, which is slow, for a
# twentieth of them; plain tests make a few.
test-company:
	TESSERA_COMPANY=2000 $(GO) test ./runtime -run 'TestCompany$$' -count=1 -timeout 120m -v

# The sampler beside a full sort on 100,000 rows; plain tests have a few.
test-sampler:
	TESSERA_SAMPLER=100000 $(GO) test ./runtime/sampler -run TestFullSort -count=1 -timeout 60m -v

# What a model takes beside what a process has resident, on models of pkg/synth (their
# files go to the folder for temporary ones); plain tests have small models.
MEMORY ?= qwen2-0.5b,llama-1b
.PHONY: test-memory
test-memory:
	TESSERA_MEMORY=$(MEMORY) $(GO) test ./runtime -run 'TestMemory$$' -count=1 -timeout 60m -v

# 100 kills in mid-conversion; plain tests have a few.
test-faults:
	TESSERA_FAULTS=100 $(GO) test ./cmd/convert -run 'TestKilled|TestInterrupted' -count=1 -v
	$(GO) test ./pkg/convert -run 'TestFullDisk|TestDamagedWhileConverting|TestMappedCases' -count=1 -v

# Convert the trained checkpoint, run all four segments, print text and speed.
DEMO ?= testdata/models/war-and-peace
PROMPT ?= The prince looked at
demo: build
	rm -rf bin/demo.tess
	bin/tessera convert $(DEMO) -o bin/demo.tess --type q8_0
	bin/tessera run bin/demo.tess -p "$(PROMPT)" -n 120 --seed 7

PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
release:
	@for p in $(PLATFORMS); do \
	  os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os = windows ] && ext=.exe; \
	  echo dist/tessera-$$os-$$arch$$ext; \
	  GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/tessera-$$os-$$arch$$ext ./cmd/convert || exit 1; \
	done

# Generated code is committed; this reproduces it.
generate:
	cd internal/generate && $(GO) run . ../../pkg/format/tesserapb graph.proto
	cd internal/generate/kernels && $(GO) run . ../../../runtime/cpu/kernel

# Every fuzz target for FUZZTIME each.
FUZZTIME ?= 30s
fuzz:
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -h '^func Fuzz' $$pkg/*_test.go | sed 's/func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do \
	    echo "$$pkg $$f"; $(GO) test $$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	  done; \
	done

# Our bench beside other engines', alternating, on synth models that are made
# once in BENCH_DIR (about 20 GB with our bundles), or on MODELS. LOG keeps the
# rounds: after an interruption the same command goes on. For example:
#   make bench BENCH_DIR=/scratch LOG=/scratch/rounds.jsonl \
#     PEER="-peer 'llama=/path/llama-bench' -peer 'ik/rtr=/path/llama-bench -rtr 1' \
#       -sweep 'ik/rtr=/path/llama-sweep-bench -rtr'" \
#     ARGS="-shapes llama-1b -types q8_0,q4_0 -tests pp512,tg32@d4096 -kv f16,q8_0"
BENCH_DIR ?= bin/bench
bench: build
	$(GO) run ./internal/benchpeer $(if $(LOG),-log $(LOG)) $(if $(MODELS),,-dir $(BENCH_DIR)) $(PEER) $(ARGS) $(MODELS)

bench-models: build
	$(GO) run ./internal/benchpeer -dir $(BENCH_DIR) -make-only $(ARGS)
