"""Taking over a store of version 1, whose results belonged to revisions of materials instead of crystals.

`crystals` and `runs` say which new key each old one has; `documents`, `run_documents`, `groups`, `entries` and `others`
turn one document into today's. All of these are pure; `takeover` moves a database.
"""
