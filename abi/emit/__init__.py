"""The emitters: each module here writes one kind of file from the description."""
