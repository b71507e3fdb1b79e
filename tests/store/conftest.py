"""Fixtures of the store's tests: separate databases."""

import os

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool


@pytest.fixture
def new_database(stack):
    """Create an empty database; returns its URL. Dropped at the end, whoever is still connected."""
    names = []

    def create():
        names.append(f"empty_{os.urandom(6).hex()}")
        with psycopg.connect(stack.database_url("postgres"), autocommit=True) as server:
            server.execute(f"CREATE DATABASE {names[-1]} STRATEGY file_copy")
        return stack.database_url(names[-1])

    yield create
    with psycopg.connect(stack.database_url("postgres"), autocommit=True) as server:
        for name in names:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_engine(new_database):
    """An engine on an empty database that keeps no connection."""
    engine = create_engine(new_database().replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    yield engine
    engine.dispose()
