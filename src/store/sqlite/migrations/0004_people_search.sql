-- Finding people by a part of their address or name: one among a hundred thousand in about a millisecond. The numbers are keys of their own,
-- since a copy of the database (VACUUM INTO) may number the rows of `people` anew. The index knows which rows hold which three letters
-- ("detail = none" leaves out where); whether they hold the whole text is looked at in the row.

CREATE TABLE people_search (
    number    INTEGER PRIMARY KEY NOT NULL,
    person_id TEXT NOT NULL UNIQUE REFERENCES people (id) ON DELETE CASCADE,
    text      TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE people_trigrams USING fts5 (text, content = 'people_search', content_rowid = 'number', tokenize = 'trigram', detail = 'none');

INSERT INTO people_search (person_id, text) SELECT id, lower(coalesce(email_key, '') || ' ' || coalesce(name, '')) FROM people ORDER BY id;
INSERT INTO people_trigrams (people_trigrams) VALUES ('rebuild');

CREATE TRIGGER people_added AFTER INSERT ON people BEGIN
    INSERT INTO people_search (person_id, text) VALUES (new.id, lower(coalesce(new.email_key, '') || ' ' || coalesce(new.name, '')));
END;

CREATE TRIGGER people_changed AFTER UPDATE OF email_key, name ON people WHEN old.email_key IS NOT new.email_key OR old.name IS NOT new.name BEGIN
    UPDATE people_search SET text = lower(coalesce(new.email_key, '') || ' ' || coalesce(new.name, '')) WHERE person_id = new.id;
END;

CREATE TRIGGER people_search_added AFTER INSERT ON people_search BEGIN
    INSERT INTO people_trigrams (rowid, text) VALUES (new.number, new.text);
END;

CREATE TRIGGER people_search_changed AFTER UPDATE OF text ON people_search BEGIN
    INSERT INTO people_trigrams (people_trigrams, rowid, text) VALUES ('delete', old.number, old.text);
    INSERT INTO people_trigrams (rowid, text) VALUES (new.number, new.text);
END;

CREATE TRIGGER people_search_removed AFTER DELETE ON people_search BEGIN
    INSERT INTO people_trigrams (people_trigrams, rowid, text) VALUES ('delete', old.number, old.text);
END;
