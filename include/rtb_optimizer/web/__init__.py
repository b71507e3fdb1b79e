"""The pages in the Airflow UI and the JSON API; loaded by the api-server alone.

app        the FastAPI app and its error responses
access     authorization by Airflow's own permissions
dag_runs   starts dag runs
entity/    pages of an entity: list, page, configuration, what-if runs, activation
run/       pages of a run
api/       the JSON API
compare_page, explain_page          two runs compared; a bid explained
rendering, navigation, forms, assets, sessions, cache   templates, entries in Airflow's UI, forms, static files,
                                    sessions, an LRU cache
"""
