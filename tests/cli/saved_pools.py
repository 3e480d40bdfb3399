"""Saved pool databases made by hand: names are references, too."""

import json
from collections.abc import Mapping
from pathlib import Path

from xenpatch.units import GIB


def table(name: str, rows: Mapping[str, Mapping[str, object]]) -> str:
    """A table of a saved database; values must need no escaping."""
    lines = (
        f'<row ref="{ref}" {" ".join(f"{key}={chr(34)}{value}{chr(34)}" for key, value in row.items())}/>'
        for ref, row in rows.items()
    )
    return f'<table name="{name}">{"".join(lines)}</table>'


def save(
    path: Path,
    hosts: Mapping[str, int],
    vms: Mapping[str, tuple[str, int]],
    *,
    pool: Mapping[str, object] = {},
    vm: Mapping[str, object] = {},
    release: str = "6.0.2",
    more: str = "",
) -> Path:
    """Save a pool whose first host is the master; sizes in GiB; `pool` and `vm` are further fields."""
    host_rows = {
        name: {
            "uuid": f"{name}-uuid",
            "name__label": name,
            "enabled": "true",
            "metrics": f"m-{name}",
            "memory__overhead": 0,
            "software_version": f"(('product_version' '{release}'))",
            "other_config": "(('boot_time' '1000.'))",
        }
        for name in hosts
    }
    vm_rows = {
        name: {
            "uuid": f"{name}-uuid",
            "name__label": name,
            "power_state": "Running",
            "resident_on": host,
            "memory__dynamic_max": size * GIB,
            "memory__dynamic_min": size * GIB // 2,
            "memory__overhead": 0,
            **vm,
        }
        for name, (host, size) in vms.items()
    }
    tables = [
        table("pool", {"p": {"uuid": "p-uuid", "name_label": "lab", "master": next(iter(hosts)), **pool}}),
        table("host", host_rows),
        table(
            "host_metrics",
            {f"m-{name}": {"live": "true", "memory__total": size * GIB} for name, size in hosts.items()},
        ),
        table("VM", vm_rows),
        more,
    ]
    path.write_text(f"<database><manifest/>{''.join(tables)}</database>")
    return path


def record(hotfix: str) -> str:
    """The fields of a pool on which a run of that hotfix is at work."""
    fields = {
        "run": "r1",
        "hotfix": hotfix,
        "hotfix_name": "X1",
        "started": "2026-01-01T00:00:00Z",
        "by": "me@here",
    }
    text = json.dumps(fields).replace('"', "\\&quot;")
    return f"(('xenpatch' '{text}'))"


def patched(host: str, uuid: str) -> str:
    """The tables by which a host has a hotfix in effect."""
    row = {"host": host, "pool_patch": "x", "applied": "true", "timestamp_applied": "19700101T00:00:01Z"}
    return table("pool_patch", {"x": {"uuid": uuid, "name__label": "X1", "size": 1}}) + table(
        "host_patch", {"h": row}
    )
