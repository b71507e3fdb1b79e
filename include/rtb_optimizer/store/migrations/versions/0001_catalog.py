"""The catalog: ten opt_* tables and the history of decisions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opt_master",
        sa.Column("opt_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("opt_code", sa.Text(), nullable=False),
        sa.Column("opt_name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('active', 'paused', 'retired')", name=op.f("ck_opt_master_status")),
        sa.PrimaryKeyConstraint("opt_id", name=op.f("pk_opt_master")),
        sa.UniqueConstraint("opt_code", name=op.f("uq_opt_master_opt_code")),
    )
    op.create_table(
        "opt_feature_macros",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("opt_id", sa.BigInteger(), nullable=False),
        sa.Column("feature_name", sa.Text(), nullable=False),
        sa.Column("macro_template", sa.Text(), nullable=False),
        sa.Column("macro_format", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["opt_id"], ["opt_master.opt_id"], name=op.f("fk_opt_feature_macros_opt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_feature_macros")),
        sa.UniqueConstraint(
            "opt_id",
            "feature_name",
            "macro_format",
            name=op.f("uq_opt_feature_macros_opt_id_feature_name_macro_format"),
        ),
    )
    op.create_table(
        "opt_versions",
        sa.Column("version_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("opt_id", sa.BigInteger(), nullable=False),
        sa.Column("version_code", sa.Text(), nullable=False),
        sa.Column("version_name", sa.Text(), nullable=False),
        sa.Column("release_date", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('draft', 'active', 'retired')", name=op.f("ck_opt_versions_status")),
        sa.ForeignKeyConstraint(["opt_id"], ["opt_master.opt_id"], name=op.f("fk_opt_versions_opt_id")),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_opt_versions")),
        sa.UniqueConstraint("opt_id", "version_code", name=op.f("uq_opt_versions_opt_id_version_code")),
        sa.UniqueConstraint("opt_id", "version_id", name=op.f("uq_opt_versions_opt_id_version_id")),
    )
    op.create_table(
        "opt_entities",
        sa.Column("entity_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("opt_id", sa.BigInteger(), nullable=False),
        sa.Column("entity_code", sa.Text(), nullable=False),
        sa.Column("entity_name", sa.Text(), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("current_version_id", sa.BigInteger(), nullable=False),
        sa.Column("active_run_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "active_run_status",
            sa.Text(),
            sa.Computed("CASE WHEN active_run_id IS NULL THEN NULL ELSE 'succeeded' END", persisted=True),
            nullable=True,
        ),
        sa.Column("s3_base_path", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("entity_code ~ '^[a-z0-9][a-z0-9_]{0,62}$'", name=op.f("ck_opt_entities_entity_code")),
        sa.CheckConstraint(
            "s3_base_path ~ '^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=.-]+)*$' AND s3_base_path !~ '\\.\\.'",
            name=op.f("ck_opt_entities_s3_base_path"),
        ),
        sa.CheckConstraint("status IN ('active', 'paused', 'retired')", name=op.f("ck_opt_entities_status")),
        sa.ForeignKeyConstraint(
            ["opt_id", "current_version_id"],
            ["opt_versions.opt_id", "opt_versions.version_id"],
            name="fk_opt_entities_current_version",
        ),
        sa.ForeignKeyConstraint(["opt_id"], ["opt_master.opt_id"], name=op.f("fk_opt_entities_opt_id")),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_opt_entities")),
        sa.UniqueConstraint("opt_id", "entity_code", name=op.f("uq_opt_entities_opt_id_entity_code")),
    )
    op.create_table(
        "opt_version_configs",
        sa.Column("config_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("config_key", sa.Text(), nullable=False),
        sa.Column("config_section", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("data_type", sa.Text(), nullable=False),
        sa.Column("default_value", sa.Text(), nullable=True),
        sa.Column("min_value", sa.Double(), nullable=True),
        sa.Column("max_value", sa.Double(), nullable=True),
        sa.Column("is_required", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("is_ui_visible", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("allowed_values", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "data_type IN ('string', 'integer', 'float', 'boolean', 'enum', 'list', 'json')",
            name=op.f("ck_opt_version_configs_data_type"),
        ),
        sa.CheckConstraint("min_value <= max_value", name=op.f("ck_opt_version_configs_range")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["opt_versions.version_id"], name=op.f("fk_opt_version_configs_version_id")
        ),
        sa.PrimaryKeyConstraint("config_id", name=op.f("pk_opt_version_configs")),
        sa.UniqueConstraint("version_id", "config_key", name=op.f("uq_opt_version_configs_version_id_config_key")),
    )
    op.create_table(
        "opt_entity_configs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("config_key", sa.Text(), nullable=False),
        sa.Column("config_value", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_id"], ["opt_entities.entity_id"], name=op.f("fk_opt_entity_configs_entity_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_entity_configs")),
        sa.UniqueConstraint("entity_id", "config_key", name=op.f("uq_opt_entity_configs_entity_id_config_key")),
    )
    op.create_table(
        "opt_runs",
        sa.Column("run_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("run_code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("triggered_by", sa.Text(), nullable=False),
        sa.Column("data_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("config_snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("total_segments", sa.BigInteger(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("airflow_dag_id", sa.Text(), nullable=False),
        sa.Column("airflow_run_id", sa.Text(), nullable=False),
        sa.Column("clear_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'running') = (finished_at IS NULL)", name=op.f("ck_opt_runs_finished_at")),
        sa.CheckConstraint("status IN ('running', 'succeeded', 'failed')", name=op.f("ck_opt_runs_status")),
        sa.CheckConstraint("data_start < data_end", name=op.f("ck_opt_runs_window")),
        sa.CheckConstraint("total_segments >= 0", name=op.f("ck_opt_runs_total_segments")),
        sa.ForeignKeyConstraint(["entity_id"], ["opt_entities.entity_id"], name=op.f("fk_opt_runs_entity_id")),
        sa.ForeignKeyConstraint(["version_id"], ["opt_versions.version_id"], name=op.f("fk_opt_runs_version_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_opt_runs")),
        sa.UniqueConstraint(
            "airflow_dag_id",
            "airflow_run_id",
            "clear_number",
            name=op.f("uq_opt_runs_airflow_dag_id_airflow_run_id_clear_number"),
        ),
        sa.UniqueConstraint("entity_id", "run_id", "status", name=op.f("uq_opt_runs_entity_id_run_id_status")),
        sa.UniqueConstraint("entity_id", "run_id", name=op.f("uq_opt_runs_entity_id_run_id")),
        sa.UniqueConstraint("run_code", name=op.f("uq_opt_runs_run_code")),
    )
    op.create_index(op.f("ix_opt_runs_entity_id"), "opt_runs", ["entity_id"], unique=False)
    op.create_index(op.f("ix_opt_runs_status"), "opt_runs", ["status"], unique=False)
    op.create_table(
        "opt_run_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("decision_number", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("from_run_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "decision IN ('activated', 'held', 'superseded', 'rolled_back')",
            name=op.f("ck_opt_run_decisions_decision"),
        ),
        sa.ForeignKeyConstraint(
            ["entity_id", "from_run_id"],
            ["opt_runs.entity_id", "opt_runs.run_id"],
            name=op.f("fk_opt_run_decisions_entity_id_from_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["entity_id", "run_id"],
            ["opt_runs.entity_id", "opt_runs.run_id"],
            name=op.f("fk_opt_run_decisions_entity_id_run_id"),
        ),
        sa.ForeignKeyConstraint(["entity_id"], ["opt_entities.entity_id"], name=op.f("fk_opt_run_decisions_entity_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_run_decisions")),
        sa.UniqueConstraint(
            "entity_id", "decision_number", name=op.f("uq_opt_run_decisions_entity_id_decision_number")
        ),
    )
    op.create_index(op.f("ix_opt_run_decisions_run_id"), "opt_run_decisions", ["run_id"], unique=False)
    op.create_table(
        "opt_run_feature_macros",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("macro_combo", sa.Text(), nullable=False),
        sa.Column("macro_format", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["opt_runs.run_id"], name=op.f("fk_opt_run_feature_macros_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_run_feature_macros")),
        sa.UniqueConstraint("run_id", "macro_format", name=op.f("uq_opt_run_feature_macros_run_id_macro_format")),
    )
    op.create_table(
        "opt_run_features",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("feature_name", sa.Text(), nullable=False),
        sa.Column("feature_order", sa.BigInteger(), nullable=False),
        sa.Column("is_anchor", sa.Boolean(), nullable=False),
        sa.Column("signal_score", sa.Double(), nullable=False),
        sa.CheckConstraint("feature_order >= 1", name=op.f("ck_opt_run_features_feature_order")),
        sa.ForeignKeyConstraint(["run_id"], ["opt_runs.run_id"], name=op.f("fk_opt_run_features_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_run_features")),
        sa.UniqueConstraint("run_id", "feature_name", name=op.f("uq_opt_run_features_run_id_feature_name")),
        sa.UniqueConstraint("run_id", "feature_order", name=op.f("uq_opt_run_features_run_id_feature_order")),
    )
    op.create_table(
        "opt_run_outputs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("output_type", sa.Text(), nullable=False),
        sa.Column("s3_bucket", sa.Text(), nullable=False),
        sa.Column("s3_key", sa.Text(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_opt_run_outputs_sha256")),
        sa.CheckConstraint("byte_size > 0", name=op.f("ck_opt_run_outputs_byte_size")),
        sa.CheckConstraint("row_count >= 0", name=op.f("ck_opt_run_outputs_row_count")),
        sa.ForeignKeyConstraint(["run_id"], ["opt_runs.run_id"], name=op.f("fk_opt_run_outputs_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_run_outputs")),
        sa.UniqueConstraint("run_id", "output_type", name=op.f("uq_opt_run_outputs_run_id_output_type")),
    )
    # Last, since the two tables refer to each other.
    op.create_foreign_key(
        "fk_opt_entities_active_run",
        "opt_entities",
        "opt_runs",
        ["entity_id", "active_run_id", "active_run_status"],
        ["entity_id", "run_id", "status"],
    )


def downgrade() -> None:
    op.drop_constraint("fk_opt_entities_active_run", "opt_entities")
    op.drop_table("opt_run_outputs")
    op.drop_table("opt_run_features")
    op.drop_table("opt_run_feature_macros")
    op.drop_index(op.f("ix_opt_run_decisions_run_id"), table_name="opt_run_decisions")
    op.drop_table("opt_run_decisions")
    op.drop_index(op.f("ix_opt_runs_status"), table_name="opt_runs")
    op.drop_index(op.f("ix_opt_runs_entity_id"), table_name="opt_runs")
    op.drop_table("opt_runs")
    op.drop_table("opt_entity_configs")
    op.drop_table("opt_version_configs")
    op.drop_table("opt_entities")
    op.drop_table("opt_versions")
    op.drop_table("opt_feature_macros")
    op.drop_table("opt_master")
