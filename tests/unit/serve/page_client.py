"""Drives the server of test_console.c: the API with plain HTTP, the page with a browser.
Usage: page_client.py LOGIN_URL TOKEN [PICTURES_FOLDER]. Exits 0 if all holds."""
import json
import os
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request

login, token = sys.argv[1], sys.argv[2]
pictures = sys.argv[3] if len(sys.argv) > 3 else None
base = "http://" + urllib.parse.urlsplit(login).netloc


def check(name, ok, got=None):
    print(("ok   " if ok else "FAIL ") + name + ("" if ok else f": {got!r}"), flush=True)
    if not ok:
        os._exit(1)


def get(path, method="GET", body=None, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    r = urllib.request.Request(base + path, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(r, timeout=20) as f:
            return f.status, f.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


auth = {"Authorization": "Bearer " + token}
check("the API refuses strangers", get("/api/state")[0] == 401)
check("and wrong tokens", get("/api/state", Authorization="Bearer nope")[0] == 401)
check("the page says how to log in", "terminal" in get("/")[1] and get("/")[0] == 401)
check("a wrong code does not log in", get("/login?code=abc")[0] == 401)
check("assets need no login", get("/static/main.js")[0] == 200)
check("nothing else is an asset", get("/static/..%2Fpython%2Fx")[0] == 404)
check("other sites are refused", get("/api/state", Origin="http://evil.example", **auth)[0] == 403)
check("other names are refused", get("/api/state", Host="evil.example", **auth)[0] == 403)
s, body = get("/api/state", **auth)
check("state", s == 200 and json.loads(body)["project"] == "kinds", body)
s, body = get("/api/dashboards", **auth)
check("list", json.loads(body)[0] == {"name": "kinds", "title": "All kinds", "refused": 2}, body)
check("no such dashboard", get("/api/dashboards/nope", **auth)[0] == 404)
s, body = get("/api/dashboards/kinds/data", **auth)
data = json.loads(body)
check("data", len(data) > 5 and data[0]["columns"][0]["name"] == "count(*)" and data[0]["rows"][0][0] >= 500, body[:300])
broken = [d for d in data if "error" in d]
check("a query that fails says so, the others live", len(broken) == 1 and "no_such_table" in broken[0]["error"]["message"], broken)
s, body = get("/api/sql", "POST", json.dumps({"statement": "SELECT 1 AS a, 'x' AS b, NULL AS c"}).encode(), **auth)
check("sql", json.loads(body) == {"columns": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}, {"name": "c", "type": json.loads(body)["columns"][2]["type"]}],
                                  "rows": [[1, "x", None]], "truncated": False}, body)
check("sql error", get("/api/sql", "POST", b'{"statement": "SELECT nope"}', **auth)[0] >= 400)
check("sql without a body", get("/api/sql", "POST", b"[]", **auth)[0] == 400)


def choose(path="/data", **filters):
    s, answer = get("/api/dashboards/kinds" + path + "?filters=" + urllib.parse.quote(json.dumps(filters)), **auth)
    return s, json.loads(answer)


before = data
s, data = choose(filter={"values": ["South"]})
changed = [i for i, (x, y) in enumerate(zip(before, data)) if x.get("rows") != y.get("rows") and x["columns"][0]["name"] == "a"]
check("a choice changes the queries that it is about", s == 200 and len(changed) == 1, (s, changed))
data = json.loads(get("/api/dashboards/kinds/data", **auth)[1])
check("for who chose, and nobody else", data[changed[0]]["rows"] == before[changed[0]]["rows"])
check("no such filter", choose(count={"values": ["x"]})[0] == 404)
check("no filters", get("/api/dashboards/kinds/data?filters=%5B1%5D", **auth)[0] == 400 and get("/api/events?dashboard=kinds&filters=x", **auth)[0] == 400)
s, definition = choose(path="", filter={"values": ["South"]})
shown = [w["filter"]["values"] for p in definition["pages"] for w in p["widgets"] if w["name"] == "filter"]
check("the definition says what is chosen", shown == [["South"]], shown)

chromium = shutil.which("chromium")
if not chromium:
    print("skip page: no chromium")
    sys.exit(0)
from playwright.sync_api import sync_playwright  # noqa: E402

with sync_playwright() as p:
    browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(100000)  # a busy machine draws slowly
    problems = []
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(login)
    page.wait_for_selector(".stage")
    check("the login leaves no code in the address", "code" not in page.url, page.url)
    check("the console names the parts", "127.0.0.1:9092" in page.inner_text("#main"))
    check("and shows no login code", "secret" not in page.content() and "127.0.0.1:8080" in page.inner_text("#main"))
    if pictures:
        page.wait_for_timeout(2500)
        page.screenshot(path=f"{pictures}/console.png", full_page=True)
    page.click("nav.links >> text=All kinds", no_wait_after=True)
    page.wait_for_selector('[data-widget="count"][data-state="data"]')
    page.wait_for_selector('[data-widget="table"] td')
    for name in ("line", "stacked", "across", "grouped", "pie", "area", "scatter"):
        page.wait_for_selector(f'[data-widget="{name}"] canvas')
    check("markup in a text is text", "<script>alert(1)</script>" in page.inner_text('[data-widget="intro"]'))
    refused = {n: page.inner_text(f'[data-widget="{n}"]') for n in ("sankey", "wrong")}
    check("unknown kinds too", "sankey" in refused["sankey"] and "kinds.lvdash.json:" in refused["sankey"], refused)
    check("a field that is not there", "regoin" in refused["wrong"], refused)
    shown = '[data-widget="params"] .counter-value'
    page.wait_for_selector(shown)
    north = page.inner_text(shown)
    page.fill('[data-widget="filter"] input', "South")
    page.keyboard.press("Enter")
    page.wait_for_function("([s, t]) => document.querySelector(s).textContent !== t", arg=[shown, north], timeout=15000)
    check("a filter sets a parameter", page.inner_text(shown) != north, north)
    another = browser.new_context(storage_state=page.context.storage_state()).new_page()
    another.goto(base + "/dashboards/kinds")
    another.wait_for_function("s => document.querySelector(s)?.textContent", arg=shown, timeout=15000)
    check("for this viewer only", another.inner_text(shown) == north, another.inner_text(shown))
    another.close()
    page.wait_for_selector('[data-widget="empty"][data-state="empty"]')
    page.wait_for_selector('[data-widget="missing"] .state')
    first = page.inner_text('[data-widget="count"] .counter-value')
    page.wait_for_function("t => document.querySelector('[data-widget=\"count\"] .counter-value').textContent !== t", arg=first, timeout=15000)
    check("numbers change without a reload", True)
    if pictures:
        page.wait_for_timeout(800)
        page.screenshot(path=f"{pictures}/dashboard.png", full_page=True)
        page.click("button.theme")
        page.wait_for_timeout(800)
        page.screenshot(path=f"{pictures}/dashboard-dark.png", full_page=True)
        page.click("nav.links >> text=Overview", no_wait_after=True)
        page.wait_for_timeout(1500)
        page.screenshot(path=f"{pictures}/console-dark.png", full_page=True)
        page.click("button.theme")
        for link in page.query_selector_all("nav.links a"):
            if link.inner_text() == "Sales":
                link.click()
                page.wait_for_timeout(2500)
                page.screenshot(path=f"{pictures}/sales.png", full_page=True)
        page.set_viewport_size({"width": 420, "height": 860})
        page.wait_for_timeout(1000)
        page.screenshot(path=f"{pictures}/narrow.png", full_page=True)
        page.goto(base + "/dashboards/kinds")
    page.click("text=Second")
    page.wait_for_selector('[data-widget="again"][data-state="data"]')
    check("pages are tabs", page.locator(".widget").count() == 1)
    page.goto(base + "/dashboards/nope")
    page.wait_for_selector(".failure")
    problems = [t for t in problems if "404" not in t]
    check("the page had no errors", not problems, problems)
    other = browser.new_context().new_page()
    other.goto(login)
    check("the login works once", "terminal" in other.inner_text("body"))
    browser.close()
os._exit(0)
