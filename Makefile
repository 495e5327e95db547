# rue: one makefile, read top to bottom. `make help` lists the targets.
#
#   VARIANT=release|debug|asan|tsan|cov|fuzz   what to build (build/VARIANT/)
#   CC=gcc|clang   V=1 shows commands   WERROR=1 makes warnings errors
#   BUILD=DIR      where to build (default build)

VERSION := 0.1.0
VARIANT ?= release
BUILD   ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
B       := $(BUILD)/$(VARIANT)
PREFIX  ?= /usr/local
Q       := $(if $(V),,@)

.DEFAULT_GOAL := all

## help     this list
.PHONY: help
help:
	@sed -n 's/^## /  make /p' Makefile

## deps     install the Debian packages that building and testing need
.PHONY: deps deps-build deps-test deps-tools deps-docker deps-monitoring \
	deps-dashboard
deps: deps-build deps-test
deps-build:
	$(call need,build)
deps-test: deps-build
	$(call need,test)
deps-tools: deps-test
	$(call need,tools)
deps-docker:
	$(call need,docker)
deps-monitoring: deps-build
	$(call need,monitoring)
deps-dashboard: deps-build
	$(call need,dashboard)

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# ---- packages -------------------------------------------------------------
# Debian 12 packages by purpose, and one file of each that shows it is there.
PACKAGES_build := gcc libc6-dev pkg-config libzmq3-dev liblmdb-dev \
	libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libyaml-dev \
	libjansson-dev libxxhash-dev libsuitesparse-dev libmicrohttpd-dev
FILES_build := /usr/bin/gcc /usr/include/stdio.h /usr/bin/pkg-config \
	/usr/include/zmq.h /usr/include/lmdb.h \
	/usr/include/protobuf-c/protobuf-c.h /usr/bin/protoc-c /usr/bin/protoc \
	/usr/include/yaml.h /usr/include/jansson.h /usr/include/xxhash.h \
	/usr/include/suitesparse/cholmod.h /usr/include/microhttpd.h
PACKAGES_build += libxgboost-dev libcurl4-openssl-dev libncurses-dev
FILES_build += /usr/include/xgboost/c_api.h /usr/include/*/curl/curl.h \
	/usr/include/ncurses.h
PACKAGES_test := check python3 python3-zmq python3-protobuf
FILES_test := /usr/include/check.h /usr/bin/python3 \
	/usr/lib/python3/dist-packages/zmq/__init__.py \
	/usr/lib/python3/dist-packages/google/protobuf/__init__.py
PACKAGES_tools := clang-14 libclang-rt-14-dev clang-format clang-tidy \
	cppcheck shellcheck valgrind
FILES_tools := /usr/bin/clang-14 /usr/bin/clang-format /usr/bin/clang-tidy \
	/usr/bin/cppcheck /usr/bin/shellcheck /usr/bin/valgrind
PACKAGES_monitoring := prometheus python3
FILES_monitoring := /usr/bin/prometheus /usr/bin/promtool /usr/bin/python3
PACKAGES_dashboard := chromium fonts-dejavu-core nodejs npm
FILES_dashboard := /usr/bin/chromium \
	/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf /usr/bin/node /usr/bin/npm
PACKAGES_docker := buildah debootstrap ca-certificates iproute2
FILES_docker := /usr/bin/buildah /usr/sbin/debootstrap /usr/bin/ip
PACKAGES_petsc := libpetsc-real-dev
FILES_petsc := /usr/share/doc/libpetsc-real-dev/copyright

# $(call missing,PURPOSE): empty when nothing of it is missing.
missing = $(strip $(foreach f,$(FILES_$(1)),$(if $(wildcard $(f)),,$(f))))
# Installs what a purpose needs, when something is missing.
define need
$(if $(call missing,$(1)),sh tests/deps.sh $(PACKAGES_$(1)),@:)
endef

# ---- flags ----------------------------------------------------------------
# clang takes glibc's INFINITY and NAN for floats that are promoted, so that
# warning is left to gcc.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	$(if $(findstring clang,$(CC)),,-Wdouble-promotion) -Wcast-qual \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2 \
	-Wnull-dereference $(if $(WERROR),-Werror)
OPT_release  := -O2 -g
OPT_debug    := -O0 -g3
OPT_asan     := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer \
	-fno-sanitize-recover=all
OPT_tsan     := -O1 -g -fsanitize=thread
OPT_cov      := -O0 -g --coverage
OPT_fuzz     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
LINK_release := -Wl,--as-needed
LINK_debug   := -Wl,--as-needed
LINK_asan    := -fsanitize=address,undefined
LINK_tsan    := -fsanitize=thread
LINK_cov     := --coverage
LINK_fuzz    := -fsanitize=fuzzer,address,undefined
OPT  := $(OPT_$(VARIANT))
LINK := $(LINK_$(VARIANT)) $(LDFLAGS)
$(if $(OPT),,$(error unknown VARIANT '$(VARIANT)'))

# Same inputs, same bits: no contraction, no fast-math, anywhere.
CFLAGS_ALL := -std=c17 -D_GNU_SOURCE -DRUE_VERSION='"$(VERSION)"' -I. -I$(B) -I$(B)/include \
	-fPIC -fno-semantic-interposition -ffp-contract=off -pthread $(OPT) \
	$(WARNINGS) $(CFLAGS)
# What walks over arrays of numbers is worth vectorising: gcc 12 does it at -O3
# only.
CFLAGS_policies := $(if $(filter release,$(VARIANT)),-O3)
CFLAGS_proto    := $(CFLAGS_policies)
CFLAGS_replay   := $(CFLAGS_policies)
CFLAGS_formats  := $(CFLAGS_policies)
CFLAGS_base     := $(CFLAGS_policies)
CFLAGS_sim      := $(CFLAGS_policies)

# ---- sources: one archive per folder ---------------------------------------
FOLDERS := base report policies proto storage service/engine config replay \
	training service client local sim cli
FOLDERS += formats
FOLDERS += training/xgboost
sources  = $(filter-out $(addprefix $(1)/,$(MAINS_$(1))),$(wildcard $(1)/*.c))
MAINS_service := main.c
MAINS_training := main.c
MAINS_cli     := main.c
archive  = $(B)/lib$(subst /,_,$(1)).a

LIBS_lmdb := -llmdb
LIBS_zmq  := -lzmq
LIBS_pb   := -lprotobuf-c
LIBS_yaml := -lyaml
LIBS_json := -ljansson
LIBS_mtx  := -lcholmod
LIBS_http := -lmicrohttpd
LIBS_curl := -lcurl
LIBS_tui  := -lncursesw -ltinfo
LIBS_xgb  := -lxgboost

PB_C := $(B)/proto/rue.pb-c.c
PB_H := $(B)/proto/rue.pb-c.h

RUED := $(B)/rued
RUE  := $(B)/rue
TRAIN := $(B)/rue-train
LIBRUE := $(B)/librue.so
LIBRUE_LOCAL := $(B)/librue-local.so

# The public headers where programs of others have them.
PUBLIC := $(B)/include/rue/rue.h $(B)/include/rue/rue-local.h

## all      everything, under build/VARIANT/ (rued, rue and rue-train are there)
.PHONY: all
all: $(RUED) $(RUE) $(TRAIN) \
	$(LIBRUE) $(B)/librue.a $(LIBRUE_LOCAL) $(B)/librue-local.a examples \
	$(foreach f,$(FOLDERS),$(call archive,$(f)))

# ---- rules ----------------------------------------------------------------
$(B)/proto/rue.pb-c.c $(B)/proto/rue.pb-c.h &: proto/rue.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(B) proto/rue.proto

$(B)/include/rue/rue.h: client/rue.h
	@mkdir -p $(@D)
	@cp $< $@

$(B)/include/rue/rue-local.h: local/rue-local.h
	@mkdir -p $(@D)
	@cp $< $@

$(B)/%.pb-c.o: $(B)/%.pb-c.c
	@echo "  CC    $<"
	$(Q)$(CC) $(filter-out -Wcast-qual,$(CFLAGS_ALL)) -c $< -o $@

$(B)/%.o: %.c | $(PB_H) $(PUBLIC)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC    $<")
	$(Q)$(CC) $(CFLAGS_ALL) $(CFLAGS_$(firstword $(subst /, ,$<))) \
		-MMD -MP -c $< -o $@

# The assembler takes these files in.
$(B)/service/assets.o: $(wildcard service/dashboard/*.*) \
	$(wildcard service/dashboard/vendor/*)

define folder_rule
OBJECTS_$(1) := $$(patsubst %.c,$(B)/%.o,$$(call sources,$(1))) \
	$$(if $$(filter proto,$(1)),$(B)/proto/rue.pb-c.o)
$$(call archive,$(1)): $$(OBJECTS_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rule,$(f))))

# What each program and kind of test links: the arrows of ARCHITECTURE.md.
link_base           := $(call archive,base)
link_report         := $(call archive,report) $(link_base)
link_policies       := $(call archive,policies) $(link_base)
link_proto          := $(call archive,proto) $(link_base)
link_formats        := $(call archive,formats) $(link_proto)
link_storage        := $(call archive,storage) $(link_proto)
link_service/engine := $(call archive,service/engine) $(call archive,policies) \
	$(link_proto)
link_config         := $(call archive,config) $(link_service/engine)
link_replay         := $(call archive,replay) $(call archive,storage) \
	$(call archive,formats) \
	$(link_service/engine)
link_training       := $(call archive,training) $(link_replay)
link_service        := $(call archive,service) $(call archive,config) \
	$(link_replay)
link_client         := $(call archive,client) $(link_proto)
link_local          := $(call archive,local) $(call archive,client) \
	$(link_service)
# The trainer alone links XGBoost (tests/lint/linked.sh).
link_training/xgboost := $(call archive,training/xgboost) $(link_training)
link_sim            := $(call archive,sim) $(call archive,report) \
	$(call archive,client) $(call archive,training) $(link_replay)
link_cli            := $(call archive,cli) $(call archive,sim) \
	$(call archive,report) $(call archive,client) $(call archive,training) \
	$(call archive,config) $(link_replay)
libs_base           := -lm
libs_report         := -lm
libs_policies       := -lm
libs_proto          := $(LIBS_pb) -lm
libs_formats        := $(LIBS_pb) -lm
libs_storage        := $(LIBS_lmdb) $(LIBS_pb) -lm
libs_service/engine := $(LIBS_pb) -lm
libs_config         := $(LIBS_pb) $(LIBS_yaml) -lm
libs_replay         := $(LIBS_lmdb) $(LIBS_pb) -lm
libs_training       := $(LIBS_lmdb) $(LIBS_pb) -lm
libs_service        := $(LIBS_zmq) $(LIBS_lmdb) $(LIBS_pb) $(LIBS_yaml) \
	$(LIBS_json) $(LIBS_http) -lm
libs_client         := $(LIBS_zmq) $(LIBS_pb) -lm
libs_local          := $(libs_service)
libs_training/xgboost := $(LIBS_xgb) $(LIBS_json) $(libs_training)
libs_sim            := $(LIBS_zmq) $(LIBS_lmdb) $(LIBS_pb) $(LIBS_mtx) -lm
libs_cli            := $(LIBS_zmq) $(LIBS_lmdb) $(LIBS_pb) $(LIBS_yaml) \
	$(LIBS_json) $(LIBS_mtx) -lm

$(RUED): $(B)/service/main.o $(link_service)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group $(link_service) \
		-Wl,--end-group $(libs_service) $(LIBS_curl) -o $@

# A program of its own: what training needs stays out of the service.
$(TRAIN): $(B)/training/main.o $(link_training/xgboost)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group \
		$(link_training/xgboost) -Wl,--end-group \
		$(libs_training/xgboost) -o $@

$(RUE): $(B)/cli/main.o $(link_cli)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group $(link_cli) \
		-Wl,--end-group $(libs_cli) $(LIBS_tui) -o $@

# The client, for programs of others: one shared object that exports rue_*
# only, and an archive that holds all it needs of ours.
$(LIBRUE): $(link_client) client/rue.map
	@echo "  LINK  $@"
	$(Q)$(CC) -shared -pthread $(LINK) -Wl,-soname,librue.so.0 \
		-Wl,--version-script,client/rue.map \
		-Wl,--whole-archive $(call archive,client) -Wl,--no-whole-archive \
		$(link_proto) $(libs_client) -o $@
	@ln -sf librue.so $(B)/librue.so.0

# One object, so that names inside cannot meet those of the program.
$(B)/librue.a: $(OBJECTS_client) $(OBJECTS_proto) $(OBJECTS_base) Makefile
	$(Q)$(CC) -r -nostdlib $(filter %.o,$^) -o $(B)/librue.o
	$(Q)objcopy --wildcard --keep-global-symbol='rue_[!_]*' $(B)/librue.o
	@rm -f $@
	$(Q)ar rcs $@ $(B)/librue.o

# rue in the program's own process: the same, with the engine and all it needs.
# It has the client of a service too.
WHOLE_LOCAL := $(call archive,local) $(call archive,client)
$(LIBRUE_LOCAL): $(link_local) client/rue.map
	@echo "  LINK  $@"
	$(Q)$(CC) -shared -pthread $(LINK) -Wl,-soname,librue-local.so.0 \
		-Wl,--version-script,client/rue.map \
		-Wl,--whole-archive $(WHOLE_LOCAL) -Wl,--no-whole-archive \
		-Wl,--start-group $(filter-out $(WHOLE_LOCAL),$(link_local)) \
		-Wl,--end-group $(libs_local) -o $@
	@ln -sf librue-local.so $(B)/librue-local.so.0

$(B)/librue-local.a: $(link_local) Makefile
	$(Q)$(CC) -r -nostdlib -Wl,--whole-archive $(WHOLE_LOCAL) \
		-Wl,--no-whole-archive -Wl,--start-group \
		$(filter-out $(WHOLE_LOCAL),$(link_local)) -Wl,--end-group \
		-o $(B)/librue-local.o
	$(Q)objcopy --wildcard --keep-global-symbol='rue_[!_]*' \
		$(B)/librue-local.o
	@rm -f $@
	$(Q)ar rcs $@ $(B)/librue-local.o

# ---- examples --------------------------------------------------------------
# Built as a user's program would be: against the public header and librue.
EXAMPLES := $(B)/examples/decide $(B)/examples/heat $(B)/examples/decide.py \
	$(B)/examples/rue_pb2.py

$(B)/examples/decide: examples/decide.c $(LIBRUE) $(PUBLIC)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -Wall -Wextra -I$(B)/include $(OPT) $(LINK) $< \
		-L$(B) -lrue -Wl,-rpath,'$$ORIGIN/..' -o $@

$(B)/examples/heat: examples/heat.c $(LIBRUE_LOCAL) $(PUBLIC)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -Wall -Wextra -I$(B)/include $(OPT) $(LINK) $< \
		-L$(B) -lrue-local -lm -Wl,-rpath,'$$ORIGIN/..' -o $@

$(B)/examples/decide.py: examples/decide.py
	@mkdir -p $(@D)
	@cp $< $@

$(B)/examples/rue_pb2.py: proto/rue.proto
	@mkdir -p $(@D)
	$(Q)protoc --python_out=$(@D) -Iproto proto/rue.proto

.PHONY: examples
examples: $(EXAMPLES)

# As its user would build it, but for where librue-local is.
PETSC := $(B)/examples/petsc/heat
$(PETSC): examples/petsc/heat.c $(LIBRUE_LOCAL) $(PUBLIC)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -Wall -Wextra -I$(B)/include $(OPT) \
		$(LINK) $< $$(pkg-config --cflags --libs petsc mpi) -L$(B) \
		-lrue-local -lm -Wl,-rpath,'$$ORIGIN/../..' -o $@

## petsc    PETSc's SSOR on a heat equation, its omega chosen by rue: installs
##          PETSc, builds examples/petsc, runs it and checks what it saves
.PHONY: petsc
petsc: deps-build
	$(call need,petsc)
	@$(MAKE) --no-print-directory $(PETSC) $(RUE)
	@B=$(B) sh tests/petsc.sh

# ---- tests ----------------------------------------------------------------
# tests/unit/FOLDER/test_x.c links what FOLDER may link and nothing else, so
# that a forbidden call does not link. `-` in FOLDER stands for `/`.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%, \
	$(wildcard tests/unit/*/test_*.c))
unit_folder = $(subst -,/,$(word 3,$(subst /, ,$(patsubst $(B)/%,%,$(1)))))

# Tests of duels and paths have parts of their own in the registry's stead.
PARTS := $(B)/tests/parts/parts.o
WITH_PARTS := $(B)/tests/unit/service-engine/test_duels \
	$(B)/tests/unit/service-engine/test_paths $(B)/tests/system/test_forms
$(WITH_PARTS): INSTEAD := $(PARTS)
$(WITH_PARTS): $(PARTS)

.SECONDEXPANSION:
$(UNIT_TESTS): $(B)/%: $(B)/%.o $$(link_$$(call unit_folder,$$@))
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< $(INSTEAD) -Wl,--start-group \
		$(link_$(call unit_folder,$@)) -Wl,--end-group \
		$(libs_$(call unit_folder,$@)) -lcheck -lsubunit -lrt -lm -o $@

.PHONY: unit
unit: $(UNIT_TESTS)
	@sh tests/run.sh $(UNIT_TESTS)

# tests/system/test_x.c drive the real programs; tests/system/x.sh too.
SYSTEM_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/system/test_*.c))
SYSTEM_LIBS  := $(patsubst %.c,$(B)/%.o,$(wildcard tests/lib/*.c))
$(SYSTEM_TESTS): $(B)/%: $(B)/%.o $(SYSTEM_LIBS) $(link_cli) $(link_local)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< $(INSTEAD) $(SYSTEM_LIBS) \
		-Wl,--start-group $(link_cli) $(link_local) -Wl,--end-group \
		$(libs_cli) \
		-lcheck -lsubunit -lrt -lm -o $@

# The service with those parts, for tests/system/test_forms.
$(B)/tests/rued: $(B)/service/main.o $(PARTS) $(link_service)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< $(PARTS) -Wl,--start-group \
		$(link_service) -Wl,--end-group $(libs_service) $(LIBS_curl) -o $@

# tests/fuzz/fuzz_x.c: a target for each parser of what comes from outside. As
# a test it runs over its corpus; `make fuzz` links libFuzzer in its place.
FUZZERS     := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_COMMON := $(B)/tests/fuzz/common.o $(B)/tests/fuzz/formats.o \
	$(if $(filter fuzz,$(VARIANT)),,$(B)/tests/fuzz/standalone.o)
$(FUZZERS): $(B)/%: $(B)/%.o $(FUZZ_COMMON) $(link_cli)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< $(FUZZ_COMMON) -Wl,--start-group \
		$(link_cli) -Wl,--end-group $(libs_cli) -o $@

LINTS := tests/lint/layers.sh tests/lint/banned.sh tests/lint/imports.sh \
	tests/lint/linked.sh
TEST_PROGRAMS = $(UNIT_TESTS) $(FUZZERS) $(SYSTEM_TESTS) \
	$(wildcard tests/system/*.sh)

## test     build, and run every test
.PHONY: test check-all
test: deps-test
	@$(MAKE) --no-print-directory check-all
check-all: all $(UNIT_TESTS) $(FUZZERS) $(SYSTEM_TESTS) $(B)/tests/rued
	@B=$(B) CC=$(CC) sh tests/run.sh $(LINTS) $(TEST_PROGRAMS)

## demo     the service on a new store, three worlds, and a crash in the middle
.PHONY: demo
demo: deps-build
	@$(MAKE) --no-print-directory $(RUED) $(RUE)
	@B=$(B) sh tests/demo.sh

# tests/soak/soak_x.c: the long form of a test of policies.
SOAKS := $(patsubst %.c,$(B)/%,$(wildcard tests/soak/soak_*.c))
$(SOAKS): $(B)/%: $(B)/%.o $(link_policies)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group $(link_policies) \
		-Wl,--end-group $(libs_policies) -o $@

## soak     kill the service 1,000 times under load, then check its store;
##          10 million rounds of extreme numbers for every oracle (ROUNDS), and
##          false alarms and delays of drift over 20 seeds (SEEDS, ROWS)
.PHONY: soak soak-numbers
soak: deps-test soak-numbers
	@$(MAKE) --no-print-directory all $(SYSTEM_TESTS)
	@B=$(B) KILLS=$${KILLS:-1000} $(B)/tests/system/test_kill
soak-numbers: $(SOAKS)
	@for soak in $(SOAKS); do $$soak || exit 1; done

# tests/coverage: how often intervals hold the truth.
COVERAGE := $(B)/tests/coverage/coverage
$(COVERAGE): $(B)/%: $(B)/%.o $(link_replay)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group $(link_replay) \
		-Wl,--end-group $(libs_replay) -o $@

## coverage 1,000 simulated logs of each kind: do intervals hold the truth, are
##          estimators unbiased? (RUNS, ROWS)
.PHONY: coverage
coverage: deps-build
	@$(MAKE) --no-print-directory $(COVERAGE)
	@$(COVERAGE)

## asan     the tests under AddressSanitizer and UBSan
.PHONY: asan
asan: deps-test
	@CK_FORK=no $(MAKE) --no-print-directory VARIANT=asan check-all

## tsan     the tests under ThreadSanitizer
.PHONY: tsan
tsan: deps-test
	@TSAN_OPTIONS=suppressions=$(CURDIR)/tests/lint/tsan.supp,halt_on_error=1 \
	CK_FORK=no $(MAKE) --no-print-directory VARIANT=tsan check-all

## valgrind the unit tests, and rued itself, under memcheck
.PHONY: valgrind
valgrind: deps-tools
	@$(MAKE) --no-print-directory all $(UNIT_TESTS)
	@B=$(B) sh tests/valgrind.sh $(UNIT_TESTS)

## cov      the tests with coverage; prints lines covered per folder
.PHONY: cov
cov: deps-test
	@$(MAKE) --no-print-directory VARIANT=cov check-all
	@sh tests/cov.sh $(BUILD)/cov

## monitoring  Debian's Prometheus scrapes a running rued, and an alert fires
.PHONY: monitoring
monitoring: deps-monitoring
	@$(MAKE) --no-print-directory $(RUED) $(RUE)
	@B=$(B) sh tests/monitoring/prometheus.sh

## dashboard-test  the dashboard in Debian's chromium, driven through an outage of a
##          live service; screenshots in build/dashboard. Installs chromium and
##          npm (600 MB), so it is no part of `make test`
.PHONY: dashboard-test vendor
dashboard-test: deps-dashboard
	@$(MAKE) --no-print-directory $(RUED) $(RUE) $(TRAIN)
	@B=$(B) OUT=$(BUILD)/dashboard sh tests/dashboard/dashboard.sh

## vendor   fetch the dashboard's charts (uPlot) from npm again, check that they
##          are what is pinned, and that the files here are those
vendor: deps-dashboard
	@sh service/dashboard/vendor/fetch.sh

# ---- measuring ---------------------------------------------------------------
BENCHES := $(patsubst %.c,$(B)/%,$(wildcard bench/bench_*.c))
$(B)/bench/bench_trees: $(call archive,training/xgboost)
$(B)/bench/bench_trees: BESIDE := $(call archive,training/xgboost) $(LIBS_xgb)
$(BENCHES): $(B)/%: $(B)/%.o $(SYSTEM_LIBS) $(link_cli) $(link_local)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< $(SYSTEM_LIBS) -Wl,--start-group \
		$(link_cli) $(link_local) $(BESIDE) -Wl,--end-group \
		$(libs_cli) -o $@

NULL_SERVICE := $(B)/bench/null_service
$(NULL_SERVICE): $(B)/%: $(B)/%.o $(link_service)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group $(link_service) \
		-Wl,--end-group $(libs_service) -o $@

## bench    measure; prints `name value unit` a line
.PHONY: bench
bench: deps-build
	@$(MAKE) --no-print-directory all $(BENCHES) $(NULL_SERVICE)
	@for bench in $(BENCHES); do B=$(B) $$bench || exit 1; done

# ---- fuzzing ------------------------------------------------------------------
FUZZ_SECONDS ?= 60

## fuzz     run every fuzz target for FUZZ_SECONDS (default 60)
.PHONY: fuzz fuzz-run fuzz-seeds
fuzz: deps-tools
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang-14 fuzz-run
fuzz-run: $(FUZZERS)
	@BUILD=$(BUILD) sh tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZERS)

# The part of the corpus that is made, not found (tests/fuzz/seeds.c).
FUZZ_SEEDS := $(B)/tests/fuzz/seeds
$(FUZZ_SEEDS): $(B)/%: $(B)/%.o $(B)/tests/fuzz/common.o $(link_cli)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< $(B)/tests/fuzz/common.o \
		-Wl,--start-group $(link_cli) -Wl,--end-group $(libs_cli) -o $@
fuzz-seeds: $(FUZZ_SEEDS)
	@$(FUZZ_SEEDS) tests/fuzz/corpus

# ---- form ----------------------------------------------------------------------
C_FILES = $(shell git ls-files '*.c' '*.h')

## lint     includes, imports, banned functions, format, static analysis
.PHONY: lint
lint: deps-tools
	@$(MAKE) --no-print-directory all
	@B=$(B) sh tests/run.sh $(LINTS) tests/lint/format.sh tests/lint/analyse.sh

## fmt      lay out every source file
.PHONY: fmt
fmt: deps-tools
	clang-format -i $(C_FILES)

# ---- installing ----------------------------------------------------------------
## install  programs, library, header, pkg-config file, unit, default config
##          (DESTDIR and PREFIX are heeded)
.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig \
		$(DESTDIR)$(PREFIX)/include/rue \
		$(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)/etc/rue \
		$(DESTDIR)$(PREFIX)/share/rue
	install -m 755 $(RUED) $(RUE) $(TRAIN) $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(LIBRUE) $(DESTDIR)$(PREFIX)/lib/librue.so.0
	ln -sf librue.so.0 $(DESTDIR)$(PREFIX)/lib/librue.so
	install -m 755 $(LIBRUE_LOCAL) \
		$(DESTDIR)$(PREFIX)/lib/librue-local.so.0
	ln -sf librue-local.so.0 $(DESTDIR)$(PREFIX)/lib/librue-local.so
	install -m 644 $(B)/librue.a $(B)/librue-local.a \
		$(DESTDIR)$(PREFIX)/lib
	install -m 644 client/rue.h local/rue-local.h \
		$(DESTDIR)$(PREFIX)/include/rue
	install -m 644 proto/rue.proto $(DESTDIR)$(PREFIX)/share/rue
	for pc in client/rue local/rue-local; do \
		sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $$pc.pc.in \
			> $(DESTDIR)$(PREFIX)/lib/pkgconfig/$${pc##*/}.pc; done
	sed -e 's|@PREFIX@|$(PREFIX)|' service/dist/rued.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/rued.service
	[ -e $(DESTDIR)/etc/rue/rued.yaml ] || \
		install -m 644 service/dist/rued.yaml $(DESTDIR)/etc/rue/rued.yaml

## docker   build the container image without a daemon, and run it
.PHONY: docker
docker: deps-docker
	@BUILD=$(BUILD) sh tests/docker.sh

## fresh    demo and test in a minimal Debian 12, from a clone of HEAD
.PHONY: fresh
fresh: deps-docker
	@BUILD=$(BUILD) sh tests/chroot.sh

## clean    remove what was built
.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
