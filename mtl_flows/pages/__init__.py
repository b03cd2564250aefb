"""Pages that a browser shows: what is put into them, how it is packed, and the report that holds all of it."""
