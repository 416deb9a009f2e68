# Generated sources. GEN_OBJS: names of build/gen/<name>.c or .S; GEN_HEADERS: what objects wait for.
GEN_OBJS := embed
GEN_HEADERS :=

# Python parts and the web pages live in the binary: scripts/embed writes an assembly file that
# includes each file's bytes and a table of names (cli/embed.h reads it).
EMBED_FILES := $(shell find python -name '*.py' -not -path '*/__pycache__/*' 2>/dev/null | LC_ALL=C sort)
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)
build/gen/web/.done: $(WEB_SOURCES)
	@mkdir -p build/gen/web
	@if [ -x web/build.sh ]; then web/build.sh build/gen/web; fi
	@touch $@
build/gen/embed.S: scripts/embed build/gen/web/.done $(EMBED_FILES)
	@scripts/embed $@.tmp $(EMBED_FILES) && mv $@.tmp $@

# Spark Connect's messages as C, out of pyspark-client's descriptors.
SPARK_PROTO := google/protobuf/any google/protobuf/timestamp $(addprefix spark/connect/,common types expressions relations commands catalog ml_common ml pipelines base)
GEN_OBJS += $(SPARK_PROTO:%=%.pb-c)
GEN_HEADERS += build/gen/spark/.done
build/gen/spark/.done: scripts/spark-proto
	@mkdir -p build/gen/spark
	@build/deps/venv/bin/python scripts/spark-proto build/gen 2>&1 | { grep -vE 'warning|Import .* unused' || true; }
	@touch $@
$(SPARK_PROTO:%=build/gen/%.pb-c.c): build/gen/spark/.done ;
