"""What is measured: each module knows how one kind of peer is installed, configured and started."""
