"""Who has a say before a write is stored: webhooks, policies, and what every cluster has built in."""
