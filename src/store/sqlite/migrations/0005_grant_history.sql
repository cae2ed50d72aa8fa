-- How the refreshes of a grant went, as grants::History writes it: 24 bytes with every rotation, not a write of its own.
ALTER TABLE grants ADD COLUMN history BLOB;
