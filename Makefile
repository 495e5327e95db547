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
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# ---- packages -------------------------------------------------------------
# Debian 12 packages that building and testing need, and one file of each
# that shows it is there.
PACKAGES := build-essential pkg-config libzmq3-dev liblmdb-dev \
	libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libyaml-dev \
	libjansson-dev libxxhash-dev libsuitesparse-dev check \
	python3-zmq python3-protobuf
PACKAGE_FILES := /usr/bin/gcc /usr/bin/pkg-config /usr/include/zmq.h \
	/usr/include/lmdb.h /usr/include/protobuf-c/protobuf-c.h \
	/usr/bin/protoc-c /usr/bin/protoc /usr/include/yaml.h \
	/usr/include/jansson.h /usr/include/xxhash.h \
	/usr/include/suitesparse/cholmod.h /usr/include/check.h \
	/usr/lib/python3/dist-packages/zmq/__init__.py \
	/usr/lib/python3/dist-packages/google/protobuf/__init__.py

# ---- flags ----------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wdouble-promotion -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Wnull-dereference \
	$(if $(WERROR),-Werror)
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
LINK_fuzz    := -fsanitize=address,undefined
OPT  := $(OPT_$(VARIANT))
LINK := $(LINK_$(VARIANT)) $(LDFLAGS)
$(if $(OPT),,$(error unknown VARIANT '$(VARIANT)'))

# Same inputs, same bits: no contraction, no fast-math, anywhere.
CFLAGS_ALL := -std=c17 -D_GNU_SOURCE -DRUE_VERSION='"$(VERSION)"' -I. -I$(B) \
	-fPIC -fvisibility=default -ffp-contract=off -pthread $(OPT) \
	$(WARNINGS) $(CFLAGS)
# The numeric folder is worth vectorising: gcc 12 does it at -O3 only.
CFLAGS_policies := $(if $(filter release,$(VARIANT)),-O3)

# ---- sources: one archive per folder ---------------------------------------
FOLDERS := base policies proto storage service/engine config replay service \
	client sim cli
sources  = $(filter-out $(addprefix $(1)/,$(MAINS_$(1))),$(wildcard $(1)/*.c))
MAINS_service := main.c
MAINS_cli     := main.c
archive  = $(B)/lib$(subst /,_,$(1)).a

LIBS_lmdb := -llmdb
LIBS_zmq  := -lzmq
LIBS_pb   := -lprotobuf-c
LIBS_yaml := -lyaml
LIBS_json := -ljansson
LIBS_mtx  := -lcholmod

PB_C := $(B)/proto/rue.pb-c.c
PB_H := $(B)/proto/rue.pb-c.h

RUED := $(B)/rued
RUE  := $(B)/rue
LIBRUE := $(B)/librue.so

.PHONY: all
all: $(RUED) $(RUE) \
	$(LIBRUE) $(B)/librue.a examples \
	$(foreach f,$(FOLDERS),$(call archive,$(f)))

# ---- rules ----------------------------------------------------------------
$(B)/proto/rue.pb-c.c $(B)/proto/rue.pb-c.h &: proto/rue.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(B) proto/rue.proto

$(B)/%.pb-c.o: $(B)/%.pb-c.c
	@echo "  CC    $<"
	$(Q)$(CC) $(filter-out -Wcast-qual,$(CFLAGS_ALL)) -c $< -o $@

$(B)/%.o: %.c | $(PB_H)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC    $<")
	$(Q)$(CC) $(CFLAGS_ALL) $(CFLAGS_$(firstword $(subst /, ,$<))) \
		-MMD -MP -c $< -o $@

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
link_policies       := $(call archive,policies) $(link_base)
link_proto          := $(call archive,proto) $(link_base)
link_storage        := $(call archive,storage) $(link_proto)
link_service/engine := $(call archive,service/engine) $(call archive,policies) \
	$(link_proto)
link_config         := $(call archive,config) $(link_service/engine)
link_replay         := $(call archive,replay) $(call archive,storage) \
	$(link_service/engine)
link_service        := $(call archive,service) $(call archive,config) \
	$(link_replay)
link_client         := $(call archive,client) $(link_proto)
link_sim            := $(call archive,sim) $(call archive,client) \
	$(link_replay)
link_cli            := $(call archive,cli) $(call archive,sim) \
	$(call archive,client) $(call archive,config) $(link_replay)
libs_base           := -lm
libs_policies       := -lm
libs_proto          := $(LIBS_pb) -lm
libs_storage        := $(LIBS_lmdb) $(LIBS_pb) -lm
libs_service/engine := $(LIBS_pb) -lm
libs_config         := $(LIBS_pb) $(LIBS_yaml) -lm
libs_replay         := $(LIBS_lmdb) $(LIBS_pb) -lm
libs_service        := $(LIBS_zmq) $(LIBS_lmdb) $(LIBS_pb) $(LIBS_yaml) -lm
libs_client         := $(LIBS_zmq) $(LIBS_pb) -lm
libs_sim            := $(LIBS_zmq) $(LIBS_lmdb) $(LIBS_pb) $(LIBS_mtx) -lm
libs_cli            := $(LIBS_zmq) $(LIBS_lmdb) $(LIBS_pb) $(LIBS_yaml) \
	$(LIBS_json) $(LIBS_mtx) -lm

$(RUED): $(B)/service/main.o $(link_service)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group $(link_service) \
		-Wl,--end-group $(libs_service) -o $@

$(RUE): $(B)/cli/main.o $(link_cli)
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group $(link_cli) \
		-Wl,--end-group $(libs_cli) -o $@

# The client, for programs of others: one shared object that exports rue_*
# only, and an archive that holds all it needs of ours.
$(LIBRUE): $(link_client) client/rue.map
	@echo "  LINK  $@"
	$(Q)$(CC) -shared -pthread $(LINK) -Wl,-soname,librue.so.0 \
		-Wl,--version-script,client/rue.map \
		-Wl,--whole-archive $(call archive,client) -Wl,--no-whole-archive \
		$(link_proto) $(libs_client) -o $@
	@ln -sf librue.so $(B)/librue.so.0

$(B)/librue.a: $(OBJECTS_client) $(OBJECTS_proto) $(OBJECTS_base)
	@rm -f $@
	$(Q)ar rcs $@ $^

# ---- examples --------------------------------------------------------------
# Built as a user's program would be: against the public header and librue.
EXAMPLES := $(B)/examples/decide $(B)/examples/rue_pb2.py

$(B)/examples/decide: examples/decide.c $(LIBRUE)
	@mkdir -p $(@D) $(B)/include/rue
	@cp client/rue.h $(B)/include/rue/rue.h
	$(Q)$(CC) -std=c17 -Wall -Wextra -I$(B)/include $(OPT) $(LINK) $< \
		-L$(B) -lrue -Wl,-rpath,'$$ORIGIN/..' -o $@

$(B)/examples/rue_pb2.py: proto/rue.proto
	@mkdir -p $(@D)
	$(Q)protoc --python_out=$(@D) -Iproto proto/rue.proto

.PHONY: examples
examples: $(EXAMPLES)

# ---- tests ----------------------------------------------------------------
# tests/unit/FOLDER/test_x.c links what FOLDER may link and nothing else, so
# that a forbidden call does not link. `-` in FOLDER stands for `/`.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%, \
	$(wildcard tests/unit/*/test_*.c))
TEST_LIB_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/lib/*.c))
unit_folder = $(subst -,/,$(word 3,$(subst /, ,$(patsubst $(B)/%,%,$(1)))))

.SECONDEXPANSION:
$(UNIT_TESTS): $(B)/%: $(B)/%.o $$(link_$$(call unit_folder,$$@))
	@echo "  LINK  $@"
	$(Q)$(CC) -pthread $(LINK) $< -Wl,--start-group \
		$(link_$(call unit_folder,$@)) -Wl,--end-group \
		$(libs_$(call unit_folder,$@)) -lcheck -lsubunit -lrt -o $@

.PHONY: unit
unit: $(UNIT_TESTS)
	@sh tests/run.sh $(UNIT_TESTS)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
