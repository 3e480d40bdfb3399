"""Patches XenServer pools without an outage; this library imports no Prefect."""
