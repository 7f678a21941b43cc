"""Who asks (authentication), and what he may (authorization)."""
