#!/usr/bin/env python3
"""Takes the pictures of docs/images: the dashboard and the board of `paystreak run`.

    build/deps/venv-test/bin/python tests/e2e/pictures.py            runs the example and takes both
    build/deps/venv-test/bin/python tests/e2e/pictures.py URL FILE   takes one page of a console that runs

The board is drawn by the program into a terminal of tmux; the browser turns its colours into a picture.
"""

import html
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from conftest import RETAIL, ROOT, program, until

IMAGES = ROOT / "docs" / "images"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COLUMNS, LINES = 124, 48
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "36": "#79c0ff"}


def take(page, url, file, theme="light"):
    page.emulate_media(color_scheme=theme)
    page.goto(url)
    page.wait_for_selector("canvas, .counter-value, main section, main table", timeout=20000)
    page.wait_for_timeout(2500)  # the charts' own animation
    page.screenshot(path=str(file))


def board_html(text):
    """What tmux captured, with its colours, as a page."""
    out, style = [], ""
    for piece in re.split(r"(\x1b\[[0-9;]*m)", text):
        codes = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if not codes:
            out.append(f'<span style="{style}">{html.escape(piece)}</span>' if piece else "")
            continue
        for code in (codes[1] or "0").split(";"):
            if code == "0":
                style = ""
            elif code == "39":
                style = re.sub(r"color:[^;]*;", "", style)
            elif code == "1":
                style += "font-weight:bold;"
            elif code == "2":
                style += "opacity:.6;"
            elif code in COLOURS:
                style = re.sub(r"color:[^;]*;", "", style) + f"color:{COLOURS[code]};"
    return (
        '<body style="margin:0;background:#0d1117;color:#e6edf3"><pre id="board" style="display:inline-block;margin:0;'
        "padding:18px 22px;font:14px/1.35 'DejaVu Sans Mono',monospace\">" + "".join(out).rstrip() + "</pre></body>"
    )


def tmux(*words):
    return subprocess.run(["tmux", "-L", "paystreak-pictures", *words], check=True, capture_output=True, text=True).stdout


def example(browser):
    state = tempfile.mkdtemp(prefix="paystreak-pictures-")
    command = shlex.join([str(program()), "run", "--project", str(RETAIL), "--state", state, "--insecure-local", "--port-base", "0"])
    tmux("new-session", "-d", "-s", "run", "-x", str(COLUMNS), "-y", str(LINES), command)
    try:
        console = until(lambda: re.search(r"http://[0-9.]+:\d+/", tmux("capture-pane", "-p", "-t", "run")), "the console's address")
        until(lambda: re.search(r"retail +.*Succeeded", tmux("capture-pane", "-p", "-t", "run")), "the job's success")
        page = browser.new_page(viewport={"width": 1280, "height": 1180})
        page.wait_for_timeout(20000)  # a while of events, so that the lines have a length
        take(page, console[0] + "dashboards/sales", IMAGES / "dashboard.png")
        page.set_content(board_html(tmux("capture-pane", "-pe", "-t", "run")))
        page.locator("#board").screenshot(path=str(IMAGES / "board.png"))
    finally:
        tmux("send-keys", "-t", "run", "C-c")
        until(lambda: subprocess.run(["tmux", "-L", "paystreak-pictures", "has-session", "-t", "run"], capture_output=True).returncode, "the run's end")
        shutil.rmtree(state)


def main(words):
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS)
        IMAGES.mkdir(parents=True, exist_ok=True)
        if words:
            take(browser.new_page(viewport={"width": 1280, "height": 900}), words[0], words[1])
        else:
            example(browser)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
