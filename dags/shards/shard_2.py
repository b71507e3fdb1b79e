"""One shard of the entities' Airflow DAGs; the graph is in include/rtb_optimizer/dagfactory.py.

All shard files are the same. Eight keep a file at about 125 DAGs for 1,000 entities; for more, add copies.
"""

from rtb_optimizer.dagfactory import shard_dags

globals().update(shard_dags(__file__))
