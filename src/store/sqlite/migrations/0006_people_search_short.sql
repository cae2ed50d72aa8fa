-- Finding people by one or two letters: the three-letter parts that begin with them, as the index lists them. Two blanks behind each text make
-- its last letters begin such parts too.

DROP TRIGGER people_added;
DROP TRIGGER people_changed;
DROP TRIGGER people_search_changed;

UPDATE people_search SET text = text || '  ';
INSERT INTO people_trigrams (people_trigrams) VALUES ('rebuild');

CREATE VIRTUAL TABLE people_parts USING fts5vocab ('people_trigrams', 'row');

CREATE TRIGGER people_added AFTER INSERT ON people BEGIN
    INSERT INTO people_search (person_id, text) VALUES (new.id, lower(coalesce(new.email_key, '') || ' ' || coalesce(new.name, '')) || '  ');
END;

CREATE TRIGGER people_changed AFTER UPDATE OF email_key, name ON people WHEN old.email_key IS NOT new.email_key OR old.name IS NOT new.name BEGIN
    UPDATE people_search SET text = lower(coalesce(new.email_key, '') || ' ' || coalesce(new.name, '')) || '  ' WHERE person_id = new.id;
END;

CREATE TRIGGER people_search_changed AFTER UPDATE OF text ON people_search BEGIN
    INSERT INTO people_trigrams (people_trigrams, rowid, text) VALUES ('delete', old.number, old.text);
    INSERT INTO people_trigrams (rowid, text) VALUES (new.number, new.text);
END;
