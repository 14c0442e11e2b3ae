# rung: `make demo` and `make test` need nothing but Debian, Go, make, a network and root; each installs what it lacks.

SHELL    := /bin/bash
GO       ?= go
PREFIX   ?= /usr/local
SBINDIR  ?= $(PREFIX)/sbin
DATADIR  ?= $(PREFIX)/share
MANDIR   ?= $(DATADIR)/man
ZSHDIR   ?= $(DATADIR)/zsh/site-functions
DESTDIR  ?=
FUZZTIME ?= 60s
VERSION  ?= $(shell cat VERSION)
# Without a .git of its own the tree may lie in the repository of somebody who packages it.
COMMIT   ?= $(shell test -e .git && git rev-parse --short HEAD 2>/dev/null || echo unknown)

# make build TAGS=libseccomp: profiles are compiled by the system's libseccomp, which is linked (docs/packaging.md).
TAGS     ?=
TAGS_    := netgo osusergo urfave_cli_no_docs $(TAGS)
# Not before git is there, which deps-build installs.
LDFLAGS   = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# rung is one static file, whatever a distribution has in $GOFLAGS for its other programs. With TAGS=libseccomp the dynamic
# linker loads it with libseccomp and the C library, at any address unless a -buildmode in $GOFLAGS says otherwise.
ifneq ($(filter libseccomp,$(TAGS)),)
CGO      := 1
LINK     := $(if $(findstring -buildmode=,$(GOFLAGS)),,-buildmode=pie)
LDFLAGS  += -extldflags=-Wl,-z,relro,-z,now
else
CGO      := 0
LINK     := -buildmode=exe
endif
GOFLAGS_ := -tags "$(TAGS_)" -trimpath -buildvcs=false $(LINK)
# The race detector and the tests against libseccomp want cgo; rung itself is built without (docs/adr/0019).
TESTFLAGS := -tags "$(TAGS_)"
export CGO_ENABLED := 1
# The time that a release and all files in it are from: that of the changes.
export SOURCE_DATE_EPOCH ?= $(shell date -u -d "$$(sed -n 's/^\#\# .*(\(.*\))$$/\1/p' CHANGELOG.md | head -1)" +%s)

NSENTER  := $(wildcard nsenter/*.c)
FUZZERS  := $(wildcard nsenter/fuzz/*_fuzz.c)
CWARN    := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Werror
ifeq ($(GOARCH),)
GOARCH   := $(shell $(GO) env GOARCH 2>/dev/null)
endif
OUT      := bin
# make build OUT=/elsewhere: nothing is written to the source tree. The init program of that build lies in OUT as well,
# and Go reads it from there.
ifeq ($(OUT),bin)
INIT     := nsenter/elf/programs/init-$(GOARCH)
INIT_FILE := $(INIT)
BINARY   := rung
DIST     := dist
else
INIT     := init-elsewhere
INIT_FILE := $(OUT)/init-$(GOARCH)
BINARY   := $(OUT)/rung
DIST     := $(OUT)/dist
OVERLAY  := -overlay '$(OUT)/overlay.json'
endif
ENGINECONF := docker/daemon.json podman/rung.conf containerd/rung.toml kubernetes/runtimeclass.yaml crio/10-rung.conf

.PHONY: help build init demo test test-unit integration test-vm conformance cve faults load test-long acceptance test-engines ccheck fuzz fuzz-long bench lint fmt generate man docs install clean deps-build deps-unit deps-test deps-engines deps-vm setup
.PHONY: ran packaging install-files deb release init-elsewhere

help: ## show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: deps-build init ## build ./rung, one static file; OUT=DIR builds DIR/rung, and writes nothing here; TAGS=libseccomp links libseccomp
	CGO_ENABLED=$(CGO) $(GO) build $(GOFLAGS_) $(OVERLAY) -ldflags '$(LDFLAGS)' -o '$(OUT)/rung.linked' .
	@install -m 0755 '$(OUT)/rung.linked' '$(BINARY)' # written in one go, as a package manager does: what the linker maps page by page starts a tenth slower
	@rm '$(OUT)/rung.linked'

init: deps-build
	@$(MAKE) --no-print-directory -s $(INIT)

nsenter/elf/programs/init-$(GOARCH): $(NSENTER) $(wildcard nsenter/*.h) nsenter/source.go nsenter/build/main.go
	script/hostrun ./nsenter/build -arch $(GOARCH)

init-elsewhere:
	mkdir -p '$(OUT)' && out=$$(cd '$(OUT)' && pwd) && script/hostrun ./nsenter/build -arch $(GOARCH) -o "$$out/init-$(GOARCH)" && \
		printf '{"Replace": {"%s": "%s"}}\n' '$(CURDIR)/nsenter/elf/programs/init-$(GOARCH)' "$$out/init-$(GOARCH)" >'$(OUT)/overlay.json'

demo: build ## build, make a bundle from busybox, run it, show what the container sees
	script/deps demo
	script/demo ./rung

test: setup build ## run every test that this machine can run; LEG="unit docs" for some legs of script/test
	script/test $(LEG)

test-unit: deps-unit init ## unit and golden tests alone
	$(GO) test $(TESTFLAGS) $$($(GO) list ./... | grep -v /tests/)
	$(GO) test -run '^TestManual$$' . # the generator of man pages is not in rung's own build

integration: deps-test build ## integration tests; V=v1|v2 for one kind of cgroup hierarchy alone, RUN=regexp
	tests/cmd/build
	RUNG_CGROUP_VIEW=$(V) $(GO) test $(TESTFLAGS) -count=1 $(if $(RUN),-run '$(RUN)') ./tests/integration

ran: deps-test build ## write to docs/conformance/ran where the tests that match have passed; RUN=regexp
	tests/cmd/build
	@rm -rf bin/ran && mkdir -p bin/ran
	for v in hybrid v1 v2; do RUNG_CGROUP_VIEW=$${v#hybrid} $(GO) test -json $(TESTFLAGS) -count=1 -run '$(RUN)' ./tests/integration >bin/ran/$$v.json; \
		$(GO) run ./tests/cmd/tally -leg $$v bin/ran/$$v.json; done
	$(GO) test ./docs/conformance -ran bin/ran

test-vm: deps-vm build ## integration tests in a QEMU guest: cgroup2 with every controller, systemd; RUN=regexp
	@mkdir -p $(OUT)/vm
	tests/vm/suite "$(TAGS_)" '$(RUN)' >$(OUT)/vm/test.json; status=$$?; \
		$(GO) run ./tests/cmd/tally -leg vm $(OUT)/vm/test.json; exit $$status

conformance: deps-test build ## the OCI validation programs, and a comparison with runc and crun
	$(GO) test $(TESTFLAGS) -count=1 -parallel 8 ./tests/conformance $(if $(RUN),-run '$(RUN)' -v)

cve: deps-test build ## every published attack on programs of this kind, against ./rung (RUNG=…, V=…, RUN=TestCVE_…)
	tests/cmd/build
	set -o pipefail; RUNG_CGROUP_VIEW=$(V) unshare --mount $(GO) test $(TESTFLAGS) -count=1 -v -run '$(or $(RUN),^TestCVE_)' ./tests/integration | grep -e '^ *---' -e '_test.go' -e 'CVE rows'

packaging: deps-test build ## make install, the Debian package, a release that is built twice
	$(GO) test $(TESTFLAGS) -count=1 $(if $(RUN),-run '$(RUN)' -v) ./tests/packaging

docs: deps-test build ## what rung says of itself: examples, samples in documents, man pages, completion
	$(GO) test $(TESTFLAGS) -count=1 $(if $(RUN),-run '$(RUN)' -v) ./tests/docs

faults: deps-test build ## kill, fail and starve every command at many moments (V=…, RUN=TestFaults_…, STRIDE=1 for all moments)
	tests/cmd/build
	set -o pipefail; RUNG_CGROUP_VIEW=$(V) RUNG_FAULTS_STRIDE=$(STRIDE) $(GO) test $(TESTFLAGS) -count=1 -timeout 2h -v -run '$(or $(RUN),^TestFaults_)' ./tests/integration | grep -v -e '^=== ' -e '^ *--- PASS'

load: deps-test build ## many containers: held, at once, in a churn (V=…, RUN=TestLoad_…, LOAD=long, CHURN=30m, SEED=…); times are reported only
	tests/cmd/build
	set -o pipefail; RUNG_CGROUP_VIEW=$(V) RUNG_LOAD=$(LOAD) RUNG_LOAD_CHURN=$(CHURN) RUNG_LOAD_SEED=$(SEED) $(GO) test $(TESTFLAGS) -count=1 -timeout 3h -v -run '$(or $(RUN),^TestLoad_)' ./tests/integration | grep -v -e '^=== ' -e '^ *--- PASS'

test-long: deps-test build ## what takes hours: every moment of every command, a thousand containers, half an hour of everything, on every kind of hierarchy
	script/test-long

acceptance: deps-test build ## a Debian root file system, a network, an engine
	$(GO) test $(TESTFLAGS) -count=1 -timeout 30m ./tests/acceptance

test-engines: deps-engines build ## Docker, containerd, CRI, Podman and Buildah with ./rung; V=v1|v2, RUN=regexp
	RUNG_CGROUP_VIEW=$(V) $(GO) test $(TESTFLAGS) -count=1 -timeout 30m $(if $(RUN),-run '$(RUN)' -v) ./tests/engines

ccheck: ## check the init program alone: warnings, analyzer, sanitizers, fuzzers (FUZZTIME)
	script/ccheck "$(CWARN)" $(OUT) $(FUZZTIME)

fuzz: deps-test build ## every Go fuzz target in turn, and records, FUZZTIME each
	script/fuzz "$(TAGS_)" $(FUZZTIME)

fuzz-long: ## ten million executions of each fuzzer of the init program (RUNS)
	script/fuzz-init $(OUT) $(or $(RUNS),10000000)

bench: deps-test build ## rung beside the installed crun and runc, alternating in one run
	$(GO) run $(GOFLAGS_) ./tests/bench -rung ./rung $(BENCHFLAGS)

lint: ## go vet, gofmt, generated files, shellcheck, what must not be in the tree
	script/lint "$(TAGS_)"

fmt: ## format Go and C
	gofmt -w $$(git ls-files '*.go')
	command -v clang-format >/dev/null && clang-format -i $(NSENTER) || true

generate: ## write generated files anew
	$(GO) generate ./...

man: ## write man pages anew from the command tables
	$(GO) generate .

install: build install-files ## install rung, man pages, completions and engines' configuration below $(DESTDIR)$(PREFIX)

# Whatever the umask: directories that others cannot enter have nothing installed in them.
install-files:
	umask 022; \
	install -D -m 0755 '$(BINARY)' '$(DESTDIR)$(SBINDIR)/rung' && \
	install -d '$(DESTDIR)$(MANDIR)/man8' && \
	install -m 0644 man/*.8 '$(DESTDIR)$(MANDIR)/man8' && \
	install -D -m 0644 contrib/completion/rung.bash '$(DESTDIR)$(DATADIR)/bash-completion/completions/rung' && \
	install -D -m 0644 contrib/completion/_rung '$(DESTDIR)$(ZSHDIR)/_rung' && \
	install -D -m 0644 contrib/completion/rung.fish '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/rung.fish' && \
	for f in $(ENGINECONF); do to='$(DESTDIR)$(DATADIR)/rung'/$$f; install -d "$${to%/*}" && \
		sed 's|/usr/local/sbin/rung|$(SBINDIR)/rung|' contrib/$$f >"$$to" && chmod 0644 "$$to" || exit; done

deb: build ## a Debian package in dist/
	BINARY='$(BINARY)' INIT='$(INIT_FILE)' script/deb '$(DIST)' $(VERSION)

release: build ## binary, Debian package, bill of materials and checksums in dist/, the same bytes wherever it is built
	BINARY='$(BINARY)' INIT='$(INIT_FILE)' script/release '$(DIST)' $(VERSION)

clean: ## remove what was built
	rm -rf rung dist bin tests/bin nsenter/elf/programs/init-*
ifneq ($(OUT),bin)
	rm -rf '$(DIST)' '$(OUT)'/init-* '$(OUT)/rung' '$(OUT)/overlay.json'
endif

deps-build:
	@script/deps build
ifneq ($(filter libseccomp,$(TAGS)),)
	@script/deps unit
endif

deps-unit:
	@script/deps unit

deps-test:
	@script/deps test

deps-engines:
	@script/deps engines

deps-vm:
	@script/deps vm

setup: deps-build ## fetch everything that the tests need from the network
	@script/setup
