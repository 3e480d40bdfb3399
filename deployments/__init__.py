"""What Prefect is told: deployments and automations, and a server of one's own to try them."""
