"""What a program may ask besides plain objects: definitions and odd schemas, reviews, forms of answers, options, odd requests."""
