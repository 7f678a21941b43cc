"""What the bytes of requests and answers mean: heads, bodies, streams of events."""
