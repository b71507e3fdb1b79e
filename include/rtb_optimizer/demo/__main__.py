"""The demonstration (`make demo`): starts the local stack, runs the main job on seeded logs, prints the results."""

import os
import sys
from datetime import UTC, datetime, timedelta

from rtb_optimizer.demo import content
from rtb_optimizer.demo.summary import console, show_entity
from rtb_optimizer.errors import LocalStackError, RtbOptimizerError
from rtb_optimizer.local.airflow_api import AirflowApi
from rtb_optimizer.local.environment import process_environment
from rtb_optimizer.local.settings import LocalSettings, local_settings
from rtb_optimizer.local.stack import running_stack
from rtb_optimizer.store import connections, dag_list_export, migrate, retirement, seeds

USER = "demo"


def main() -> int:
    """Run the demonstration; an error is printed in one line, with exit code 1."""
    try:
        with running_stack(local_settings(), on_step=console.print) as settings:
            os.environ.update(process_environment(settings) | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"})
            codes = prepare()
            run(settings, codes)
            with connections.session() as session:
                for code in codes:
                    show_entity(session, code)
    except (RtbOptimizerError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    console.print("\n[bold]make up[/bold] leaves it running and prints the URL of the Airflow UI.")
    return 0


def prepare() -> list[str]:
    """Migrate and seed the catalog, write the logs, add the entities; return their codes."""
    migrate.upgrade(connections.catalog())
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    with console.status("writing logs") as status:
        written = 0
        for code, day, rows in content.write_logs(yesterday):
            written += rows
            status.update(f"writing logs: {code} {day}, {written:,} rows")
    console.print(f"logs: {written:,} rows of {content.DAYS} days up to {yesterday} in s3://{content.bucket()}/logs/")
    with connections.session() as session:
        retirement.retire(session, seeds.seed(session))
        codes = content.add_entities(session, USER)
        session.commit()
        exported = dag_list_export.export(session)
    console.print(f"catalog: migrated, seeded, {exported} entities exported to Airflow")
    return codes


def run(settings: LocalSettings, codes: list[str]) -> None:
    """Trigger every entity's DAG and wait for all of them.

    Raises:
        LocalStackError: with the dag runs that failed and the folder of their logs.
    """
    airflow = AirflowApi.sign_in(settings)
    dags = {code: f"{seeds.OPT_CODE}__{code}" for code in codes}
    airflow.wait_for_dags(list(dags.values()))
    triggered = {code: airflow.trigger(dag) for code, dag in dags.items()}
    console.print(f"triggered {', '.join(dags.values())}")
    failed = []
    with console.status("running") as status:
        for code, dag_run in triggered.items():
            state = airflow.wait(dags[code], dag_run, on_change=lambda s, c=code: status.update(f"{c}: {s}"))  # type: ignore[misc]
            console.print(f"{code}: {state}")
            failed += [code] if state != "success" else []
    if failed:
        raise LocalStackError(f"the run of {', '.join(failed)} failed: see {settings.airflow_home / 'logs'}")


if __name__ == "__main__":
    sys.exit(main())
