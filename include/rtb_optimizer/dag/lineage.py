"""Reports to OpenLineage what tasks read and wrote; its provider calls this only where it has a transport.

The provider calls `get_openlineage_facets_on_complete` of a task after it has succeeded, in a process that it forks.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

if TYPE_CHECKING:
    from rtb_optimizer.run.lineage import Dataset, Lineage

RUN_FACET = "rtb_optimizer_run"
"""The facet with the run's id, code, release and window, who triggered it, and the decision on it."""


def attach_lineage(dag: DAG) -> None:
    """Give each task of a DAG the method that reports what it has read and written."""
    for task in dag.tasks:
        task.get_openlineage_facets_on_complete = partial(facets_of, task.task_id)  # type: ignore[union-attr] # read by name


def facets_of(task_id: str, task_instance: Any) -> Any:  # noqa: ANN401 - Airflow's classes differ between processes
    """Return what a task has read and written in the types of OpenLineage.

    Datasets are those of `rtb_optimizer.run.lineage`: a path of logs, an object, a table of the catalog. Gates are
    assertions on the segment table that the decision is about.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage

    from rtb_optimizer.run.lineage import lineage_of
    from rtb_optimizer.store import connections

    connections.forget()
    lineage = lineage_of(task_id, task_instance.dag_id, task_instance.run_id)
    return OperatorLineage(
        inputs=[_input(each, lineage) for each in lineage.inputs],
        outputs=[_output(each) for each in lineage.outputs],
        run_facets={RUN_FACET: _run_facet(lineage)} if lineage.facts else {},
    )


def _input(dataset: "Dataset", lineage: "Lineage") -> Any:  # noqa: ANN401 - imported late
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality
    from openlineage.client.facet_v2 import input_statistics_input_dataset as statistics

    counted = statistics.InputStatisticsInputDatasetFacet(dataset.rows, dataset.byte_size, dataset.files)
    facets: dict[str, Any] = {"inputStatistics": counted}
    if lineage.gates:
        facets["dataQualityAssertions"] = quality.DataQualityAssertionsDatasetFacet(
            assertions=[
                quality.Assertion(
                    assertion=gate.name, success=bool(gate.passed), expected=gate.needed, actual=gate.found
                )
                for gate in lineage.gates
            ]
        )
    return InputDataset(dataset.namespace, dataset.name, facets=_facets(dataset), inputFacets=facets)


def _output(dataset: "Dataset") -> Any:  # noqa: ANN401 - imported late
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    counted = statistics.OutputStatisticsOutputDatasetFacet(dataset.rows, dataset.byte_size, dataset.files)
    return OutputDataset(
        dataset.namespace, dataset.name, facets=_facets(dataset), outputFacets={"outputStatistics": counted}
    )


def _facets(dataset: "Dataset") -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset, symlinks_dataset

    facets: dict[str, Any] = {}
    if dataset.version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.version)
    if dataset.logical is not None:
        same = symlinks_dataset.Identifier(namespace="rtb_optimizer", name=dataset.logical, type="LOGICAL")
        facets["symlinks"] = symlinks_dataset.SymlinksDatasetFacet(identifiers=[same])
    return facets


def _run_facet(lineage: "Lineage") -> Any:  # noqa: ANN401 - imported late
    from openlineage.client.facet_v2 import RunFacet

    return RunFacet().with_additional_properties(**lineage.facts)
