"""What a person sets up once in the Prefect UI."""
