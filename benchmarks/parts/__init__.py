"""What is measured: each module takes one kind of figure of one peer at a time."""
