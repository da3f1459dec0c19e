"""What theorems draw: configurations, requests, ledgers, runs."""
