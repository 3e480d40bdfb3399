"""One file a step of the flows: Prefect tasks over plain functions."""
