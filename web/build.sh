#!/usr/bin/env bash
# Puts the page's files into the folder $1: the modules of web/src as they are, and Apache ECharts
# out of the npm packages that scripts/deps installed. The binary embeds the folder (scripts/embed).
set -euo pipefail
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
echarts=$here/../build/deps/npm/node_modules/echarts/dist/echarts.min.js
[ -f "$echarts" ] || { echo "web: $echarts is missing: run scripts/deps build" >&2; exit 1; }
mkdir -p "$out"
cp "$here"/src/* "$out"/
cp "$echarts" "$out"/echarts.min.js
