# Paystreak's build. The two commands of the README:
#   make run     dependencies, build, and the example project with a live status
#   make test    dependencies, build, and every test
# More:
#   make                      build/release/paystreak
#   make SAN=address,undefined | SAN=thread   the same targets in build/asan, build/tsan
#   make DEBUG=1              build/debug (-O0 -g)
#   make build/debug/libhub.a build/debug/tests/unit/hub/test_log      one piece of one tree
#   make unit                 the unit tests of the chosen tree
#   make tidy                 layers, banned calls, headers that compile alone
#   make compat               renews docs/compatibility.md
#   make soak | bench | oracle | fuzz
# Trees stand side by side: build/release, build/debug, build/asan, build/tsan.
# Objects and archives appear by rename, so that two makes may share a tree.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/bash

CC := gcc
ifeq ($(SAN),address,undefined)
CFG := asan
else ifeq ($(SAN),thread)
CFG := tsan
else ifdef DEBUG
CFG := debug
else
CFG := release
endif
OUT := build/$(CFG)

# Modules from the lowest layer up; an archive may use those before it.
MODULES := base ev plan net duck sparksql resolve lake engine storage hub functions factory \
           pipelines jobs connect serve cli
LAYER_0 := base
LAYER_1 := ev plan
LAYER_2 := net duck sparksql resolve
LAYER_3 := lake engine
LAYER_4 := storage hub functions factory pipelines jobs
LAYER_5 := connect serve
LAYER_6 := cli
# below(M): the modules of lower layers; engine may use lake.
below_base :=
below_1 := $(LAYER_0)
below_2 := $(below_1) $(LAYER_1)
below_3 := $(below_2) $(LAYER_2)
below_4 := $(below_3) $(LAYER_3)
below_5 := $(below_4) $(LAYER_4)
below_6 := $(below_5) $(LAYER_5)
$(foreach m,$(LAYER_1),$(eval below_$(m) := $(below_1)))
$(foreach m,$(LAYER_2),$(eval below_$(m) := $(below_2)))
$(foreach m,$(LAYER_3),$(eval below_$(m) := $(below_3)))
below_engine += lake
$(foreach m,$(LAYER_4),$(eval below_$(m) := $(below_4)))
$(foreach m,$(LAYER_5),$(eval below_$(m) := $(below_5)))
$(foreach m,$(LAYER_6),$(eval below_$(m) := $(below_6)))

DUCKDB_DIR ?= build/deps/duckdb
PKGS := libuv openssl libnghttp2 libcurl libprotobuf-c yaml-0.1 sqlite3 libpcre2-8 libgit2 \
        rdkafka zlib liblz4 libzstd libxml-2.0
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
        -Wpointer-arith -Wvla -Wundef -Wno-format-truncation -Wno-missing-field-initializers -Werror
CPPFLAGS = -Isrc -Ibuild/gen -D_GNU_SOURCE
CFLAGS_COMMON = -std=gnu17 -g -fno-omit-frame-pointer -fstack-protector-strong $(WARN)
CFLAGS_release := -O2 -DNDEBUG -D_FORTIFY_SOURCE=2
CFLAGS_debug := -O0
CFLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan := -O1 -fsanitize=thread
LDFLAGS_release := -Wl,-O1 -Wl,-z,relro,-z,now
LDFLAGS_debug :=
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread

# Only these need DuckDB; the others' tests link in a blink.
DUCK_USERS := duck lake engine storage hub functions factory pipelines jobs connect serve cli
DUCK_LIBS = -Wl,--start-group $(wildcard $(DUCKDB_DIR)/lib*.a) -Wl,--end-group -lstdc++
SYS_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lsnappy -lm -ldl -lpthread

.PHONY: all run test unit tidy deps bench soak oracle fuzz clean e2e compat format
all: $(OUT)/paystreak

# ---------------------------------------------------------------- objects and archives, per tree
define TREE
build/$(1)/obj/%.o: src/%.c | $$(GEN_HEADERS)
	@mkdir -p $$(@D)
	@$$(CC) $$(CPPFLAGS) $$(CFLAGS_COMMON) $$(CFLAGS_$(1)) $$(SYS_CFLAGS) -MMD -MF $$(@:.o=.d) -MT $$@ -c $$< -o $$@.$$$$$$$$.tmp && mv $$@.$$$$$$$$.tmp $$@
build/$(1)/obj/gen/%.o: build/gen/%.c
	@mkdir -p $$(@D)
	@$$(CC) $$(CPPFLAGS) -std=gnu17 -g -O1 $$(CFLAGS_$(1)) -w -MMD -MF $$(@:.o=.d) -MT $$@ -c $$< -o $$@.$$$$$$$$.tmp && mv $$@.$$$$$$$$.tmp $$@
build/$(1)/obj/gen/%.o: build/gen/%.S
	@mkdir -p $$(@D)
	@$$(CC) -c $$< -o $$@.$$$$$$$$.tmp && mv $$@.$$$$$$$$.tmp $$@
build/$(1)/obj/tests/%.o: tests/%.c | $$(GEN_HEADERS)
	@mkdir -p $$(@D)
	@$$(CC) $$(CPPFLAGS) -Itests $$(CFLAGS_COMMON) $$(CFLAGS_$(1)) $$(SYS_CFLAGS) -Wno-missing-prototypes -MMD -MF $$(@:.o=.d) -MT $$@ -c $$< -o $$@.$$$$$$$$.tmp && mv $$@.$$$$$$$$.tmp $$@
$$(foreach m,$(MODULES),$$(eval $$(call ARCHIVE,$(1),$$(m))))
build/$(1)/paystreak: $$(MODULES:%=build/$(1)/lib%.a) $$(GEN_OBJS:%=build/$(1)/obj/gen/%.o)
	@echo "  link $$@"
	@$$(CC) $$(LDFLAGS_$(1)) -o $$@.$$$$$$$$.tmp -Wl,--start-group $$(MODULES:%=build/$(1)/lib%.a) -Wl,--end-group \
	    $$(GEN_OBJS:%=build/$(1)/obj/gen/%.o) $$(DUCK_LIBS) $$(SYS_LIBS) && mv $$@.$$$$$$$$.tmp $$@
endef

define ARCHIVE
SRC_$(2) := $(wildcard src/$(2)/*.c)
build/$(1)/lib$(2).a: $$(patsubst src/%.c,build/$(1)/obj/%.o,$$(SRC_$(2)))
	@mkdir -p $$(@D)
	@rm -f $$@.$$$$$$$$.tmp; ar rcs $$@.$$$$$$$$.tmp $$^ && mv $$@.$$$$$$$$.tmp $$@
build/$(1)/tests/unit/$(2)/%: build/$(1)/obj/tests/unit/$(2)/%.o $$(patsubst %,build/$(1)/lib%.a,$(2) $$(below_$(2))) $$(if $$(filter $(2),connect serve cli),$$(GEN_OBJS:%=build/$(1)/obj/gen/%.o))
	@mkdir -p $$(@D)
	@$$(CC) $$(LDFLAGS_$(1)) -o $$@.$$$$$$$$.tmp $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(filter build/$(1)/obj/gen/%.o,$$^) \
	    $$(if $$(filter $(2),$$(DUCK_USERS)),$$(DUCK_LIBS)) -lcmocka $$(SYS_LIBS) && mv $$@.$$$$$$$$.tmp $$@
endef

SYS_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null) -I$(DUCKDB_DIR)
# Generated sources: build/gen/<name>.c or .S, an object each.
include scripts/gen.mk
$(foreach c,release debug asan tsan,$(eval $(call TREE,$(c))))
-include $(wildcard build/*/obj/*/*.d build/*/obj/tests/unit/*/*.d build/*/obj/tests/fuzz/*.d)
# A header that is gone counts as new: what an older build noted of it is made again, without it.
src/%.h: ; @:
tests/%.h: ; @:

# ---------------------------------------------------------------- tests
TESTS_C := $(wildcard tests/unit/*/test_*.c)
TEST_BINS = $(TESTS_C:%.c=$(OUT)/%)
# TSan sees everything below `duck`, whose library is not built with it.
ifeq ($(CFG),tsan)
TEST_BINS := $(filter-out $(DUCK_USERS:%=$(OUT)/tests/unit/%/%),$(foreach t,$(TESTS_C:%.c=$(OUT)/%),$(if $(filter $(DUCK_USERS:%=$(OUT)/tests/unit/%),$(patsubst %/,%,$(dir $(t)))),,$(t))))
endif
unit: $(TEST_BINS)
	@scripts/run-unit $(TEST_BINS)

deps:
	@scripts/deps build
run:
	@scripts/deps run
	@$(MAKE) --no-print-directory -j2 build/release/paystreak
	@build/release/paystreak run --project examples/retail
test:
	@scripts/deps test
	@scripts/test
e2e: build/release/paystreak
	@build/deps/venv-test/bin/python -m pytest -q tests/e2e
tidy:
	@scripts/tidy
bench:
	@scripts/deps test
	@$(MAKE) --no-print-directory -j2 build/release/paystreak build/release/tests/unit/lake/lake_tool build/bench/hub_load
	@bench/run
	@bench/lake_commit
	@bench/lake_replay
	@bench/lake_rows
	@bench/hub
	@bench/hub growth
build/bench/%: bench/%.c
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) -std=gnu17 -O2 -Wall -Wextra -Werror $< -o $@.$$$$.tmp -lrdkafka -lpthread && mv $@.$$$$.tmp $@
soak:
	@scripts/deps test
	@SOAK=1 UNIT_SECONDS=3600 scripts/test
compat:
	@scripts/compat
oracle:
	@scripts/deps test
	@tests/oracle/run
format:
	@clang-format -i $$(git ls-files 'src/*.c' 'src/*.h' 'tests/*.c' 'tests/*.h')
clean:
	rm -rf build/release build/debug build/asan build/tsan build/gen

# ---------------------------------------------------------------- fuzz targets
# Each is a file tests/fuzz/fuzz_<name>.c with LLVMFuzzerTestOneInput; `make fuzz-replay` runs the
# corpora tests/fuzz/corpus/<name>/ under ASan and UBSan through a small main; `make fuzz` builds
# them with clang's libFuzzer and runs each for FUZZ_SECONDS.
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
build/asan/fuzz/%: build/asan/obj/tests/fuzz/%.o build/asan/obj/tests/fuzz/replay_main.o $(MODULES:%=build/asan/lib%.a) $(GEN_OBJS:%=build/asan/obj/gen/%.o)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_asan) -o $@ $(filter %.o,$(filter-out build/asan/obj/gen/%,$^)) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
	    $(GEN_OBJS:%=build/asan/obj/gen/%.o) $(DUCK_LIBS) $(SYS_LIBS)
.PHONY: fuzz-replay
fuzz-replay: $(FUZZ:%=build/asan/fuzz/%)
	@tests/fuzz/replay $(FUZZ)
fuzz:
	@tests/fuzz/run $(FUZZ)
