"""The pages in the Airflow UI and the JSON API; loaded by the api-server alone.

app        the FastAPI app, and how refusals are answered
access     who may see and do what, by Airflow's own permissions
entity/    pages of an entity: list, page, configuration, activation
run/       pages of a run
api/       the JSON API
compare_page, explain_page          two runs compared; a bid explained
rendering, navigation, forms, assets, sessions, cache   templates, links, forms, static files, sessions, a cache
"""
