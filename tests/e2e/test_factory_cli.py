"""`paystreak factory`: expressions and single pipelines, without the rest of a project."""

import json
import subprocess

import pytest

from conftest import DEADLINE_SEC, RETAIL, RETAIL_SOURCE, ROOT, environment, program

CASES = ROOT.parent / "shared" / "data" / "adf_expressions.json"


def factory(*words, status=0):
    done = subprocess.run([str(program()), "factory", *map(str, words)], capture_output=True, text=True, timeout=DEADLINE_SEC, env=environment({}))
    assert done.returncode == status, f"{words}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def same(want, got):
    """Equal as JSON: 1 is not 1.0, nor true."""
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(same(want[k], got[k]) for k in want)
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(same, want, got))
    return type(want) is type(got) and want == got


@pytest.mark.skipif(not CASES.is_file(), reason="no cases of Azure's engine beside the repository")
def test_eval_gives_what_azures_engine_gives():
    cases = {case["id"]: case for case in json.loads(CASES.read_text())["cases"] if not case.get("runtime_dependent")}
    answers = [json.loads(line) for line in factory("eval", "--cases", CASES, "--output", "json").stdout.splitlines()]
    assert len(answers) >= len(cases)
    wrong = []
    for answer in answers:
        case = cases.pop(answer["id"], None)
        if case and "expected_error" in case and answer.get("error") != case["expected_error"]:
            wrong.append((case, answer))
        elif case and "expected_error" not in case and not ("value" in answer and same(case["expected"], answer["value"])):
            wrong.append((case, answer))
    assert not wrong and not cases, wrong[:5]


def test_eval_reads_cases_and_parameters(tmp_path):
    file = tmp_path / "cases.json"
    context = {"pipeline": {"parameters": {"n": 2}}, "variables": {"v": [1]}, "activities": {"look": {"output": {"count": 7}}}, "item": "i"}
    expressions = ["@pipeline().parameters.n", "@variables('v')", "@activity('look').output.count", "@item()", "@nope()", "plain"]
    file.write_text(json.dumps([{"id": i, "expression": e, "context": context} for i, e in enumerate(expressions)]))
    answers = [json.loads(line) for line in factory("eval", "--cases", file).stdout.splitlines()]
    assert [answer.get("value", answer.get("error")) for answer in answers] == [2, [1], 7, "i", "undefined-function", "plain"]
    values = tmp_path / "values.json"
    values.write_text('{"a": "x", "b": 1}')
    assert factory("eval", "--parameters", values, "--param", "b=2", "@concat(pipeline().parameters.a, pipeline().parameters.b)").stdout == '"x2"\n'
    assert "NAME=VALUE" in factory("eval", "--param", "b", "@1", status=2).stderr
    file.write_text('{"cases": 3}')
    assert f"{file}:1:1" in factory("eval", "--cases", file, status=1).stderr


def write_pipeline(folder, activities, **properties):
    (folder / "pipeline").mkdir(parents=True)
    (folder / "pipeline" / "p.json").write_text(json.dumps({"name": "p", "properties": {"activities": activities, **properties}}))
    return folder


def test_run_prints_every_activity(tmp_path):
    set_it = {"name": "set", "type": "SetVariable", "typeProperties": {"variableName": "v", "value": {"value": "@concat(pipeline().parameters.x, '!')", "type": "Expression"}}}
    fail = {"name": "fail", "type": "Fail", "dependsOn": [{"activity": "set", "dependencyConditions": ["Succeeded"]}],
            "typeProperties": {"message": "@variables('v')", "errorCode": "42"}}
    secret = {"name": "secret", "type": "Wait", "policy": {"secureInput": True}, "typeProperties": {"waitTimeInSeconds": 0}}
    skipped = {"name": "after", "type": "Wait", "dependsOn": [{"activity": "fail", "dependencyConditions": ["Succeeded"]}], "typeProperties": {"waitTimeInSeconds": 1}}
    folder = write_pipeline(tmp_path / "f", [set_it, fail, secret, skipped], parameters={"x": {"type": "string"}}, variables={"v": {"type": "String"}})
    run = json.loads(factory("run", "p", "--factory", folder, "--state", tmp_path / "s", "--param", "x=hi", "--output", "json", status=1).stdout)
    assert run["pipelineName"] == "p" and run["status"] == "Failed" and "hi!" in run["error"]["message"]
    got = {a["activityName"]: a for a in run["activities"]}
    assert {name: a["status"] for name, a in got.items()} == {"set": "Succeeded", "fail": "Failed", "secret": "Succeeded", "after": "Skipped"}
    assert got["set"]["input"] == {"variableName": "v", "value": "hi!"}
    assert got["fail"]["error"]["message"] == "hi!" and got["secret"]["input"] is None
    text = factory("run", "p", "--factory", folder, "--state", tmp_path / "s", "--param", "x=hi", status=1).stdout
    assert "Skipped    after" in text and text.splitlines()[-1].startswith("p: Failed")


def test_run_copies_the_example_s_files(tmp_path):
    source = RETAIL / "source"
    assert source.is_dir()
    run = factory("run", "pl_ingest_batch", "--project", RETAIL, "--factory", RETAIL / "factory", "--state", tmp_path / "s", "--output", "json",
                  "--bind", f"{RETAIL_SOURCE}=file://{source}")
    copies = [a for a in json.loads(run.stdout)["activities"] if a["activityType"] == "Copy"]
    assert copies and all(a["status"] == "Succeeded" and a["output"]["rowsCopied"] > 0 for a in copies)
    assert list((tmp_path / "s" / "storage").rglob("*.csv"))


def test_nothing_runs_of_what_is_wrong(tmp_path):
    folder = write_pipeline(tmp_path / "f", [{"name": "x", "type": "Nonsense", "typeProperties": {}}])
    done = factory("run", "p", "--factory", folder, "--state", tmp_path / "s", "--output", "json", status=1)
    assert "Nonsense" in done.stderr and "p.json:1:" in done.stderr and "nothing ran" in json.loads(done.stdout)["error"]
    assert "no pipeline 'q'" in factory("run", "q", "--factory", folder, "--state", tmp_path / "s", status=1).stderr
