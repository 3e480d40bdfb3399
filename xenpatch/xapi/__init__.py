"""Talking to XenServer: transport, TLS, session, tasks, uploads, inventory."""
