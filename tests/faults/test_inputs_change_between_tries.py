"""A task dies at every effect that it has, and what it reads is changed before its retry: no answer is of both.

What a step hands over is of one try. Either the run ends with the answer to the one or to the other, or it says that
its logs have changed.
"""

import json

import pytest
from sqlalchemy import update

from effects import AFTER, BEFORE, Effects, Lost
from nights import TaskFailed, run_tasks
from rtb_optimizer.demo.world import World
from rtb_optimizer.store import connections, entities, runs
from rtb_optimizer.store.configs import set_overrides
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import FeatureMacro
from seeded_logs import NIGHTS, night

BEFORE_WORLD, RESTATED = (World(seed=seed, rows_per_day=1_500, base_rate=0.3, adspaces=10) for seed in (7, 8))
OF_THE_LOGS = ("segments", "joint_segments", "features", "ad_macros")


@pytest.fixture
def restate(base_path, store):
    """Replace the night of the logs."""

    def replace(world):
        key = split_url(f"{base_path}/logs/date={NIGHTS[-1]}/part-0.parquet")[1]
        store.replace(key, night(NIGHTS[-1], world))

    return replace


@pytest.fixture
def answer(session, store):
    """What a run tells bidders and analysts of its logs, and whether its rows agree with its files."""

    def of(opt_run_id):
        session.rollback()
        outputs = {row.output_type: row for row in runs.outputs(session, opt_run_id)}
        report = json.loads(store.read(outputs["report"].s3_key))
        features = json.loads(store.read(outputs["features"].s3_key))["features"]
        macros = json.loads(store.read(outputs["ad_macros"].s3_key))
        recorded = [(row.feature_name, row.signal_score) for row in runs.features(session, opt_run_id)]
        assert recorded == [(each["name"], each["signal_score"]) for each in features]
        assert {row.macro_format: row.macro_combo for row in runs.ad_macros(session, opt_run_id)} == {
            name: each["combo"] for name, each in macros["formats"].items() if each["combo"] is not None
        }
        return [report["totals"], report["segments"], *(outputs[kind].sha256 for kind in OF_THE_LOGS)]

    return of


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_logs_that_are_restated_before_a_retry_are_never_mixed_with_what_they_were(
    when, effects_of_a_run, add_small, request_run, restate, answer, taking_turns, subtests
):
    answers = []
    for code, world in (("before", BEFORE_WORLD), ("restated", RESTATED)):
        restate(world)
        add_small(code)
        answers.append(answer(run_tasks(request_run(code))))
    assert answers[0] != answers[1]
    for number, effect in enumerate(taking_turns(effects_of_a_run[0])):
        fired = []

        def change_and_die(at, now, effect=effect, fired=fired):
            if (at, now) == (effect, when) and not fired:
                fired.append(at)
                restate(RESTATED)
                raise Lost(effect)

        with subtests.test(effect):
            restate(BEFORE_WORLD)
            add_small(f"entity_{number}")
            try:
                with Effects(change_and_die).watched() as watched:
                    opt_run_id = run_tasks(request_run(f"entity_{number}"), watched, tries=2)
            except TaskFailed as failed:
                assert "has changed while the run was reading it" in str(failed)  # noqa: PT017 - either is right
            else:
                assert answer(opt_run_id) in answers
            assert fired


def test_logs_that_are_restated_while_the_segments_are_counted_fail_the_run(
    add_small, request_run, restate, monkeypatch
):
    from rtb_optimizer.steps import build_segments as step

    build, restated = step.build_tables, []

    def build_and_restate(*arguments):
        built = build(*arguments)
        restated.append(restate(RESTATED))
        return built

    monkeypatch.setattr(step, "build_tables", build_and_restate)
    add_small()
    with pytest.raises(TaskFailed, match=r"build_segments: .*has changed while the run was reading it"):
        run_tasks(request_run())
    assert restated


@pytest.mark.parametrize("effect", ["put report.json", "put report.html", "put manifest.json", "commit"])
@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_report_page_figures_and_manifest_are_of_one_report(effect, when, entity, request_run, session, store):
    """The configuration is changed between the tries: only a report that is written after it warns of that."""
    fired = []

    def change_and_die(at, now):
        if (at, now) == (f"write_outputs: {effect}", when) and not fired:
            fired.append(at)
            with connections.session() as own:
                set_overrides(own, entities.find(own, entity.entity_code), {"keep_days": "33"}, "ana")
                own.commit()
            raise Lost(effect)

    with Effects(change_and_die).watched() as watched:
        opt_run_id = run_tasks(request_run(), watched, tries=2)
    assert fired
    outputs = {row.output_type: row for row in runs.outputs(session, opt_run_id)}
    report, page = (store.read(outputs[kind].s3_key).decode() for kind in ("report", "report_page"))
    manifest = json.loads(store.read(outputs["manifest"].s3_key))
    warned = "config_changed" in {each["code"] for each in json.loads(report)["warnings"]}
    assert warned == ((effect, when) == ("put report.json", BEFORE))
    assert ("changed while the run ran" in page) == warned
    assert {kind: each["sha256"] for kind, each in manifest["outputs"].items()} == {
        kind: row.sha256 for kind, row in outputs.items() if kind != "manifest"
    }


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("effect", ["first", "last"])
def test_macros_that_are_changed_between_tries_are_recorded_as_they_are_published(
    when, effect, entity, request_run, answer
):
    seen = []

    def change_and_die(at, now):
        if at.startswith("map_ad_macros") and now == when:
            seen.append(at)
            if len(seen) == (1 if effect == "first" else 2):
                with connections.session() as own:
                    adx = FeatureMacro.macro_format == "adx", FeatureMacro.feature_name == "internal_adspace_id"
                    own.execute(update(FeatureMacro).where(*adx).values(macro_template="[ADX_OTHER_PLACEMENT]"))
                    own.commit()
                raise Lost(at)

    with Effects(change_and_die).watched() as watched:
        opt_run_id = run_tasks(request_run(entity.entity_code), watched, tries=2)
    assert len(seen) >= 2
    assert answer(opt_run_id)
