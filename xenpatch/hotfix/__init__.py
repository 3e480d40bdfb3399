"""Hotfix files: manifest, intake, checksums, and the manifests of known hotfixes."""
