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
